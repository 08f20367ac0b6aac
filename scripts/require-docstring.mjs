/** ESLint rule: an exported function or class says what it is for, in a docstring right above it. */
const declarations = new Set(["FunctionDeclaration", "ClassDeclaration"]);

function isFunction({ type, declarations: variables = [] }) {
  return declarations.has(type) || variables.some(({ init }) => init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression");
}

export const requireDocstring = {
  meta: { type: "suggestion", messages: { missing: "an exported function needs a docstring: what goes in and out, units, errors, section" }, schema: [] },
  create: (context) => ({
    ExportNamedDeclaration(node) {
      if (!node.declaration || !isFunction(node.declaration)) return;
      const above = context.sourceCode.getCommentsBefore(node).at(-1);
      const isDocstring = above?.type === "Block" && above.value.startsWith("*") && above.loc.end.line === node.loc.start.line - 1;
      if (!isDocstring) context.report({ node, messageId: "missing" });
    },
  }),
};
