import Table from 'cli-table3';
import { escapeForTerminal } from '../terminal/escape.js';

/** Options of every command for a running service. */
export interface ServiceOptions {
  server?: string;
  json?: boolean;
}

/** Prints a value as JSON where that is asked for, else as `render` shows it. */
export function printed(options: ServiceOptions, value: unknown, render: () => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, null, 2)}\n` : render());
}

/** A table whose cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [] } });
  made.push(
    ...rows.map((row) =>
      row.map((cell) =>
        cell
          .split('\n')
          .map((line) => escapeForTerminal(line, 200))
          .join('\n'),
      ),
    ),
  );
  return `${made.toString()}\n`;
}
