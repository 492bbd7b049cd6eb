// `x-adopted`: a document that was written elsewhere has names and shapes that ours do not, as far as generated code has them, too.

/** Whether a document was written elsewhere, for rules of one kind of node: `check(node, ctx, isAdopted)`. */
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
