export class CorpusUsageError extends Error {
  override readonly name = 'CorpusUsageError';
}
