import { parseSignature, type Signature } from './signature.js';

/** The version of sandbox-2 that {@link Channel} speaks. */
export const PROTOCOL_VERSION = 20001;

/** What a translated interpreter prints about itself when `RPY_SANDBOX_DUMP=1` is in its environment. */
export interface Dump {
  readonly version: number;
  readonly platform: string;
  readonly signatures: readonly Signature[];
}

/** @throws Error whose one-line message says what is wrong */
export function parseDump(text: string): Dump {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
  const version = field('Version');
  const platform = field('Platform');
  const functions = field('Funcs');
  if (version === undefined || platform === undefined || functions === undefined) {
    throw new Error('it does not answer RPY_SANDBOX_DUMP=1 as an interpreter translated with --sandbox does');
  }
  if (version !== String(PROTOCOL_VERSION)) {
    throw new Error(
      `it speaks version ${version.slice(0, 20)} of the sandbox protocol, not ${PROTOCOL_VERSION}`,
    );
  }
  if (!/^linux2?$/.test(platform)) throw new Error(`it is built for ${platform.slice(0, 20)}, not for Linux`);
  const signatures = functions
    .split(' ')
    .filter((one) => one !== '')
    .map(parseSignature);
  return { version: PROTOCOL_VERSION, platform, signatures };
}
