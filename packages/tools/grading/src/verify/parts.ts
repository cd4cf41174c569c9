/** Parts of a package, in the order in which they are checked. */
export const VERIFY_PARTS = ['package', 'inputs', 'outputs', 'submissions'] as const;
export type VerifyPart = (typeof VERIFY_PARTS)[number];
