import { IMAGE_SCENARIOS } from './images/index.js';
import { playProgram } from './program.js';

await playProgram({
  name: 'test-images',
  about: `Builds the image of deploy/Dockerfile on a container engine of its own, and tries it. By itself this program needs an engine
that has the images sandpiper and sandpiper-beside: scripts/test-images makes them.`,
  scenarios: IMAGE_SCENARIOS,
  page: {
    file: 'docs/image-trials.md',
    title: 'Trials of the image',
    about: `Real containers of the image with the security of a pod: schedulers, workers, and Redis beside them.`,
  },
});
