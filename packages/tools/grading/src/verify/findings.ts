import { compareNames } from '../files/names.js';
import { VERIFY_PARTS, type VerifyPart } from './parts.js';

export interface VerifyFinding {
  readonly part: VerifyPart;
  /** An error is a fault of the package; a warning may be meant. */
  readonly level: 'error' | 'warning';
  /** What it is about: a file or a test, below the package. */
  readonly where: string;
  /** One line. May contain text of the package or its programs: escape it before display. */
  readonly message: string;
}

/** More findings of one kind tell no more. */
const MOST_OF_A_KIND = 20;

/** Collects findings; of many of one kind it keeps the first and counts the rest. */
export class Findings {
  private readonly kinds = new Map<string, { readonly kept: VerifyFinding[]; count: number }>();

  error(part: VerifyPart, where: string, message: string, kind = message): void {
    this.add({ part, level: 'error', where, message }, kind);
  }

  warning(part: VerifyPart, where: string, message: string, kind = message): void {
    this.add({ part, level: 'warning', where, message }, kind);
  }

  private add(finding: VerifyFinding, kind: string): void {
    const key = `${finding.part} ${finding.level} ${kind}`;
    const found = this.kinds.get(key) ?? { kept: [], count: 0 };
    found.count++;
    if (found.kept.length < MOST_OF_A_KIND) found.kept.push(finding);
    this.kinds.set(key, found);
  }

  /** In the order of parts, errors first, then by kind and name: checks end in any order. */
  all(): VerifyFinding[] {
    const kinds = [...this.kinds].sort(([a], [b]) => compareNames(a, b));
    const all = kinds.flatMap(([, { kept: unsorted, count }]) => {
      const kept = unsorted.toSorted((a, b) => compareNames(a.where, b.where));
      const [first] = kept;
      const rest = count - kept.length;
      if (first === undefined || rest === 0) return kept;
      return [...kept, { ...first, where: '...', message: `${rest} more of this kind` }];
    });
    const rank = ({ part, level }: VerifyFinding): number =>
      2 * VERIFY_PARTS.indexOf(part) + (level === 'error' ? 0 : 1);
    return all.sort((a, b) => rank(a) - rank(b));
  }
}
