/**
 * The directions in which imports may go (ARCHITECTURE.md, "What is where"). Each package has the full list
 * of our own packages that it may see; what is not on the list is an error. So a new edge is a decision, made here.
 */
const MAY_IMPORT = {
  'packages/abi': [],
  'packages/actor': [],
  'packages/vfs': ['abi'],
  'packages/protocol': ['abi'],
  'packages/kernel': ['abi', 'vfs', 'protocol'],
  'packages/contracts': [],
  'packages/guest': ['abi', 'protocol', 'contracts'],
  'packages/controller': ['abi', 'protocol', 'vfs', 'kernel', 'guest', 'contracts'],
  'packages/grading': ['contracts'],
  'packages/client': ['contracts'],
  'packages/store': ['contracts'],
  'packages/telemetry': ['contracts'],
  'packages/testkit': [],
  'packages/cli': ['contracts', 'controller', 'grading', 'client', 'telemetry'],
  'packages/conformance': ['controller'],
  'packages/hostile': ['contracts', 'controller', 'faults'],
  'packages/experiments': ['contracts', 'controller', 'client'],
  // The simulation makes nodes whose cells cost nothing, and that is all of the exception below.
  'packages/faults': ['contracts', 'store', 'telemetry', 'services/worker'],
  'packages/soak': ['client', 'contracts', 'faults', 'store'],
  'packages/fuzz': ['abi', 'kernel', 'protocol', 'testkit'],
  'services/scheduler': ['contracts', 'store', 'telemetry'],
  'services/worker': ['actor', 'contracts', 'store', 'telemetry', 'controller'],
};

const OURS = '^(packages|services)/';

/** @param {[string, string[]]} entry */
function directionRule([folder, allowed]) {
  /** @param {string} name */
  const folderOf = (name) => (name.includes('/') ? name : `packages/${name}`);
  const permitted = [`^${folder}/`, ...allowed.map((name) => `^${folderOf(name)}/`)];
  return {
    name: `direction-${folder.replace('/', '-')}`,
    comment: `${folder} may import of ours only: ${allowed.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^${folder}/src/` },
    to: { path: OURS, pathNot: permitted },
  };
}

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(directionRule),
    {
      name: 'every-package-has-a-direction',
      comment: 'A package that is not in MAY_IMPORT may import nothing of ours: add it there',
      severity: 'error',
      from: { path: OURS, pathNot: Object.keys(MAY_IMPORT).map((folder) => `^${folder}/`) },
      to: { path: OURS },
    },
    {
      name: 'nobody-imports-services',
      comment: 'Services are leaves: start them as processes, speak to them by HTTP',
      severity: 'error',
      from: { path: '^(packages|services)/([^/]+)/', pathNot: '^packages/faults/src/simulated-nodes' },
      to: { path: '^services/', pathNot: '^services/$2/' },
    },
    {
      name: 'no-deep-imports',
      comment:
        "Import another package by its name alone: '@sandpiper/x'. Its exports map says what is public",
      severity: 'error',
      from: { path: '^(packages|services)/([^/]+)/' },
      to: {
        path: OURS,
        pathNot: ['^(packages|services)/$2/', '/dist/index\\.(js|d\\.ts)$', '/src/index\\.ts$', '/test/'],
      },
    },
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
      from: { path: '^(packages|services)/[^/]+/src/' },
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
      from: { path: OURS, pathNot: '^(packages|services)/[^/]+/test/' },
      to: { path: '^(packages|services)/[^/]+/test/' },
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
