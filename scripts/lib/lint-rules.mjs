/**
 * Rules of our own for oxlint: nothing long-lived collects the short-lived (.oxlintrc.json names this file).
 *
 * A promise keeps what was hung on it until it settles. A race against one that lives as long as a cell, a connection or a
 * process leaves a reaction there at each call, and the reaction holds what the race came to.
 */

/** Each of them hangs something on every contender. */
const GATHERERS = { Promise: ['race', 'any'], AbortSignal: ['any'] };
const CHAINED = ['then', 'catch', 'finally'];

const nameOf = (member) => (member.computed ? null : member.property.name);

function isGatherer({ callee }) {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return false;
  return GATHERERS[callee.object.name]?.includes(nameOf(callee)) === true;
}

/** The variable of that name, if the function that the scope is in has declared it itself. */
function ownVariable(name, from) {
  for (let scope = from; scope !== null; scope = scope.upper) {
    const found = scope.set.get(name);
    if (found !== undefined) return found;
    if (scope.type === 'function') return null;
  }
  return null;
}

/** Whether it was made by the call of the function that stands around it. A parameter may come from anywhere. */
function isOwn(node, scope) {
  switch (node.type) {
    case 'NewExpression':
      return true;
    case 'AwaitExpression':
      return isOwn(node.argument, scope);
    case 'CallExpression': {
      const { callee } = node;
      const isChained = callee.type === 'MemberExpression' && CHAINED.includes(nameOf(callee));
      return isChained ? isOwn(callee.object, scope) : true;
    }
    case 'TSAsExpression':
      return isOwn(node.expression, scope);
    case 'MemberExpression':
      return isOwn(node.object, scope);
    case 'Identifier': {
      const [definition] = ownVariable(node.name, scope)?.defs ?? [];
      if (definition?.type !== 'Variable' || !definition.node.init) return false;
      return isOwn(definition.node.init, scope);
    }
    default:
      return false;
  }
}

const noLongLivedRace = {
  create(context) {
    return {
      CallExpression(node) {
        if (!isGatherer(node)) return;
        const [contenders] = node.arguments;
        const scope = context.sourceCode.getScope(node);
        const all = contenders?.type === 'ArrayExpression' ? contenders.elements : [contenders];
        for (const contender of all) {
          if (contender && isOwn(contender, scope)) continue;
          const message =
            'A contender that may outlive this call keeps what the race comes to. Wait in a `new Promise` whose ' +
            'resolve function the long-lived side calls and the end of the wait removes.';
          context.report({ node: contender ?? node, message });
        }
      },
    };
  },
};

const noListenerLeft = {
  create(context) {
    const added = [];
    let removes = false;
    return {
      CallExpression(node) {
        const { callee } = node;
        if (callee.type !== 'MemberExpression') return;
        if (nameOf(callee) === 'removeEventListener') removes = true;
        const [event, , options] = node.arguments;
        if (nameOf(callee) !== 'addEventListener' || event?.value !== 'abort') return;
        const isBound = options?.properties?.some(({ key }) => key?.name === 'signal') === true;
        if (!isBound) added.push(node);
      },
      'Program:exit'() {
        if (removes) return;
        for (const node of added) {
          const message =
            'This listener stays for as long as the signal does: take it off, or give it a `signal`.';
          context.report({ node, message });
        }
      },
    };
  },
};

export default {
  meta: { name: 'sandpiper' },
  rules: { 'no-long-lived-race': noLongLivedRace, 'no-listener-left': noListenerLeft },
};
