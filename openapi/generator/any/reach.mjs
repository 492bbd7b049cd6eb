// Which parts of a document an operation uses.

/** The name and location of each operation, and the components that it uses. */
export const reachOf = (source, operations) => operations.map(({ node, item, place, method, path }) => ({
  pointer: `#${place.pointer}`, name: node.operationId ?? `${method.toUpperCase()} ${path}`, reached: [...reachedFrom(source, [node, item.node.parameters])] }));

function reachedFrom(source, nodes) {
  const found = new Set();
  const seen = new Set();
  const visit = (node) => {
    if (node === null || typeof node !== 'object' || seen.has(node)) return;
    seen.add(node);
    const target = typeof node.$ref === 'string' && source.find(node.$ref);
    if (target) {
      found.add(target.pointer);
      visit(target.node);
    }
    Object.values(node).forEach(visit);
  };
  nodes.forEach(visit);
  return found;
}
