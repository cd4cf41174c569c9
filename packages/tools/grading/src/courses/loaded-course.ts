import type { TestGroup } from '../data/test-case.js';
import type { HandedModules } from '../submissions/hand-in.js';
import type { CourseSettings } from './course-yaml.js';

export const COURSE_FORMATS = ['dmoj', 'classroom', 'unit-tests'] as const;
export type CourseFormat = (typeof COURSE_FORMATS)[number];

/** A folder that is no package of the format, and says in another way how it is graded. */
export interface LoadedCourse {
  readonly format: CourseFormat;
  readonly settings: CourseSettings;
  readonly tests: TestGroup;
  /** null: programs that start by themselves. */
  readonly handIn: HandedModules | null;
  /** Files that have no effect here. */
  readonly ignored: readonly string[];
  readonly warnings: readonly string[];
}

/** What one format makes of a folder; null when the folder has not its file. */
export type CourseLoader = (
  folder: string,
  settings: CourseSettings,
) => Promise<Omit<LoadedCourse, 'format'> | null>;
