import type { Attack, Behaviour } from './behaviour.js';
import type { SubjectName } from './ground.js';

/** The behaviours in which the mechanism that holds the memory limit matters. */
const OF_MEMORY = { first: 15, last: 28 };

/** Which attacks of a behaviour a subject is put to; a reason where there are none. */
export function attacksOn(behaviour: Behaviour, subject: SubjectName): readonly Attack[] | string {
  if (behaviour.notBuilt !== undefined) return behaviour.notBuilt;
  const { number, seccomp, rpython } = behaviour;
  const isOfMemory = number >= OF_MEMORY.first && number <= OF_MEMORY.last;
  if (subject === 'seccomp without groups' && !isOfMemory)
    return 'has nothing to do with who holds the memory limit';
  if (subject === 'real rpython') {
    const portable = typeof seccomp === 'string' ? [] : seccomp.filter((attack) => attack.portable === true);
    return portable.length > 0 ? portable : 'no program of it runs in every Python';
  }
  const all = subject.startsWith('seccomp') ? seccomp : rpython;
  if (typeof all === 'string') return all;
  const start = subject.endsWith('cold') || subject.endsWith('groups') ? 'cold' : 'warm';
  return all.filter((attack) => (attack.start ?? start) === start);
}
