// Starts the embedded service, submits a run that is not finished when its parent kills it, and waits.
import { SandpiperClient } from '@sandpiper/client';
import { startEmbedded } from '../dist/embedded/embedded.js';

const embedded = await startEmbedded({ stateDir: process.argv[2], durability: 'always' });
const client = new SandpiperClient(embedded.url);
const id = await client.submitRun({ source: 'import time\ntime.sleep(0.5)\nprint("kept")' });
process.send({ url: embedded.url, id });
