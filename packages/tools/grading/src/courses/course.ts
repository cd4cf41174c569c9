import { InputError } from '../files/errors.js';
import { loadAutograding } from './classroom/load-autograding.js';
import { hasCourseYaml, readCourseYaml } from './course-yaml.js';
import { loadInitYml } from './dmoj/load-init-yml.js';
import { COURSE_FORMATS, type CourseFormat, type CourseLoader, type LoadedCourse } from './loaded-course.js';
import { loadUnitTests } from './unit-tests/load-unit-tests.js';

const LOADERS: Readonly<Record<CourseFormat, CourseLoader>> = {
  dmoj: loadInitYml,
  classroom: loadAutograding,
  'unit-tests': loadUnitTests,
};

/**
 * Reads a folder without problem.yaml: `init.yml` of DMOJ, `.github/classroom/autograding.json`, or unit tests in
 * `tests/`. Null for a folder that has none of them.
 * @throws InputError for what is wrong, and for what is not done here
 */
export async function loadCourse(folder: string): Promise<LoadedCourse | null> {
  const settings = await readCourseYaml(folder);
  for (const format of COURSE_FORMATS) {
    const found = await LOADERS[format](folder, settings);
    if (found !== null) return { format, ...found };
  }
  if (await hasCourseYaml(folder))
    throw new InputError(`${folder}: has a course.yaml and no tests (tests/test_*.py)`);
  return null;
}
