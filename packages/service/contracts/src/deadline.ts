/**
 * What the promise comes to, or after `ms` milliseconds what `onLate` returns or throws; the promise is ignored
 * from then on, also where it rejects. A promise that outlives many such waits keeps a reaction for each of
 * them: give it one that ends soon after.
 */
export function withDeadline<T, L>(promise: Promise<T>, ms: number, onLate: () => L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(onLate);
  return new Promise<T | L>((resolve, reject) => {
    promise.then(resolve, reject);
    late.then(resolve, reject);
  }).finally(() => clearTimeout(timer));
}
