// `x-adopted`: a foreign document may have names and shapes that ours do not, as far as generated code supports them.

/** Whether a document is a foreign one, for rules of one kind of node: `check(node, ctx, isAdopted)`. */
function knowingAdoption(kind, check) {
  let isAdopted = false;
  return {
    Root(root) {
      isAdopted = root['x-adopted'] === true;
    },
    [kind]: (node, ctx) => check(node, ctx, isAdopted),
  };
}

module.exports = { knowingAdoption };
