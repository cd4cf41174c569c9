const { WINGS, MAY_IMPORT, folderOf } = require('./scripts/lib/wings.cjs');

/** A package of ours as a regular expression with one group, the folder; `$1` of `from` names it in `to`. */
const ONE = '^(packages/[^/]+/[^/]+|services/[^/]+)/';
const OURS = '^(packages|services)/';

/** @param {[string, string[]]} entry */
function directionRule([name, allowed]) {
  return {
    name: `direction-${name.replace('/', '-')}`,
    comment: `${name} may import of ours only: ${allowed.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^${folderOf(name)}/src/` },
    to: { path: OURS, pathNot: [name, ...allowed].map((one) => `^${folderOf(one)}/`) },
  };
}

/** @param {[string, string[]]} entry */
function wingRule([wing, allowed]) {
  return {
    name: `wing-${wing}`,
    comment: `packages/${wing} may see of ours only: ${allowed.join(', ')}`,
    severity: 'error',
    from: { path: `^packages/${wing}/[^/]+/src/` },
    to: { path: '^packages/', pathNot: allowed.map((one) => `^packages/${one}/`) },
  };
}

/** What the store offers to the tests of other packages. */
const TESTING = '^packages/service/store/(dist|src)/testing\\.(js|ts|d\\.ts)$';

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(directionRule),
    ...Object.entries(WINGS).map(wingRule),
    {
      name: 'every-package-has-a-direction',
      comment: 'A package that is not in MAY_IMPORT may import nothing of ours: add it there',
      severity: 'error',
      from: { path: OURS, pathNot: Object.keys(MAY_IMPORT).map((name) => `^${folderOf(name)}/`) },
      to: { path: OURS },
    },
    {
      name: 'nobody-imports-services',
      comment: 'Services are leaves: start them as processes, speak to them by HTTP',
      severity: 'error',
      from: { path: ONE, pathNot: '^packages/trials/faults/src/simulated-nodes' },
      to: { path: '^services/', pathNot: '^$1/' },
    },
    {
      name: 'no-deep-imports',
      comment:
        "Import another package by its name: '@sandpiper/x'. Its exports map says what is public; grading has two small " +
        'parts, for what is loaded at each start',
      severity: 'error',
      from: { path: ONE },
      to: {
        path: OURS,
        pathNot: [
          '^$1/',
          '/dist/index\\.(js|d\\.ts)$',
          '/src/index\\.ts$',
          '/test/',
          '^packages/tools/grading/(dist|src)/(basics|judge-run)\\.(js|ts|d\\.ts)$',
          '^packages/service/contracts/(dist|src)/yaml\\.(js|ts|d\\.ts)$',
          '^packages/sandbox/controller/(dist|src)/main/runtimes/index\\.(js|ts|d\\.ts)$',
          TESTING,
        ],
      },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'What a package offers to the tests of others is not for the product',
      severity: 'error',
      from: { pathNot: '/test/' },
      to: { path: TESTING },
    },
    {
      name: 'the-product-sees-no-trials',
      comment: 'packages/trials is not in the image',
      severity: 'error',
      from: { path: '^(packages/(sandbox|service|tools)|services)/[^/]+/.*src/' },
      to: { path: '^packages/trials/' },
    },
    ...[
      ['main', 'thread'],
      ['thread', 'main'],
      ['crossing', '(main|thread)'],
    ].map(([from, to]) => ({
      name: `threads-${from}`,
      comment:
        "A node's main thread (main), a cell's thread, which blocks (thread), and what passes between them (crossing)",
      severity: 'error',
      from: { path: `^packages/sandbox/controller/src/${from}/` },
      to: { path: `^packages/sandbox/controller/src/${to}/` },
    })),
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-declared',
      comment: 'Whatever a package imports stands in its own package.json',
      severity: 'error',
      from: { path: `${ONE}src/` },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: { path: OURS },
      to: { couldNotResolve: true },
    },
    {
      name: 'only-tests-import-tests',
      comment: 'Helpers of tests are shared among tests, by path; a source file never sees them',
      severity: 'error',
      from: { path: OURS, pathNot: `${ONE}test/` },
      to: { path: `${ONE}test/` },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '/dist/.*\\.map$|/native/build/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
