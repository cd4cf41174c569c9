/**
 * The directions in which imports may go, for .dependency-cruiser.cjs, which enforces them, and document-imports.mjs, which
 * draws them. `packages` has four wings: `sandbox` (one run, from its interpreter to its result), `service` (what the
 * scheduler and the nodes share), `tools` (commands) and `trials` (what tests the rest; the image leaves it out).
 */

/** Which wing, or which package of another wing, the packages of a wing may import. */
const WINGS = {
  sandbox: ['sandbox', 'service/contracts'],
  service: ['service'],
  tools: ['tools', 'service', 'sandbox'],
  trials: ['trials', 'tools', 'service', 'sandbox'],
};

/** Every edge between our own packages: one that is not listed is an error, and so is a listed one that nothing uses. */
const MAY_IMPORT = {
  'sandbox/abi': [],
  'sandbox/vfs': ['sandbox/abi'],
  'sandbox/protocol': ['sandbox/abi'],
  'sandbox/kernel': ['sandbox/abi', 'sandbox/vfs'],
  'sandbox/guest': [],
  'sandbox/controller': [
    'sandbox/abi',
    'sandbox/guest',
    'sandbox/kernel',
    'sandbox/protocol',
    'service/contracts',
  ],
  'service/actor': ['service/contracts'],
  'service/client': ['service/contracts'],
  'service/contracts': [],
  'service/store': ['service/contracts'],
  'service/telemetry': [],
  'tools/cli': [
    'sandbox/controller',
    'service/client',
    'service/contracts',
    'service/telemetry',
    'tools/grading',
  ],
  'tools/grading': ['service/contracts'],
  'trials/conformance': ['sandbox/controller', 'service/contracts'],
  'trials/deploy': [],
  'trials/experiments': ['sandbox/controller', 'service/client', 'service/contracts'],
  // The simulation makes nodes whose cells cost nothing, and that is all of the exception below.
  'trials/faults': ['service/contracts', 'service/store', 'service/telemetry', 'services/worker'],
  'trials/fuzz': ['sandbox/abi', 'sandbox/kernel', 'sandbox/protocol', 'trials/testkit'],
  'trials/hostile': ['sandbox/controller', 'service/contracts', 'trials/faults', 'trials/testkit'],
  'trials/soak': ['service/client', 'service/contracts', 'service/store', 'trials/faults'],
  'trials/testkit': [],
  // Its judge does as `sandpiper grade` does.
  'services/scheduler': ['service/contracts', 'service/store', 'service/telemetry', 'tools/grading'],
  'services/worker': [
    'sandbox/controller',
    'service/actor',
    'service/contracts',
    'service/store',
    'service/telemetry',
    // A node that compares outputs does as `sandpiper grade` does.
    'tools/grading',
  ],
};

/** @param {string} name as above @returns {string} the folder, from the top of the repository */
const folderOf = (name) => (name.startsWith('services/') ? name : `packages/${name}`);

module.exports = { WINGS, MAY_IMPORT, folderOf };
