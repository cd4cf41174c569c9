export interface ModuleProgress {
  update(module: string, side: string, ended: number): void;
  finish(module: string, figures: string): void;
  /** A module that is not run. */
  skip(): void;
}

/** Prints a line for each finished module; on a terminal also one that changes while a module runs. */
export function createModuleProgress(stream: NodeJS.WriteStream, modules: number): ModuleProgress {
  let finished = 0;
  const place = (): string => `[${finished + 1}/${modules}]`;
  const clear = stream.isTTY ? '\r\x1b[K' : '';
  return {
    update(module, side, ended) {
      if (stream.isTTY) stream.write(`${clear}${place()} ${module}: ${side}, ${ended} methods`);
    },
    finish(module, figures) {
      stream.write(`${clear}${place()} ${module}: ${figures}\n`);
      finished++;
    },
    skip() {
      finished++;
    },
  };
}
