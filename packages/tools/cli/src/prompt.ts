import { createInterface, type Interface } from 'node:readline';

export interface PromptOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Latest first, as node:readline has it. */
  readonly history: readonly string[];
  /** Ctrl-C. `typing` says whether a line was being asked for; true when it will be asked for anew. */
  readonly onInterrupt: (typing: boolean) => boolean;
}

/** A line as the guest reads it, with its end; null at the end of input. */
type Answer = (line: string | null) => void;

/**
 * Lines typed at a terminal, edited here and not in the sandbox. What is typed or pasted before it is asked for waits its
 * turn.
 */
export class Prompt {
  readonly #readline: Interface;
  readonly #typed: string[] = [];
  #history: readonly string[];
  #answer: Answer | null = null;
  #ended = false;

  constructor(private readonly options: PromptOptions) {
    const { input, output } = options;
    this.#history = options.history;
    this.#readline = createInterface({
      input,
      output,
      terminal: true,
      history: [...options.history],
      historySize: HISTORY_LINES,
      removeHistoryDuplicates: true,
      tabSize: 4,
    });
    this.#readline.setPrompt('');
    this.#readline.on('line', (line) => this.#give(`${line}\n`));
    this.#readline.on('history', (lines) => void (this.#history = lines));
    const end = () => {
      this.#ended = true;
      this.#give(null);
    };
    this.#readline.on('close', end);
    // The terminal is gone.
    this.#readline.on('error', end);
    this.#readline.on('SIGINT', () => this.#interrupted());
  }

  get history(): readonly string[] {
    return this.#history;
  }

  /** The next line. A question that is still open is given up for this one; its line is not lost. */
  ask(prompt: string): Promise<string | null> {
    const typed = this.#typed.shift();
    if (typed !== undefined) return Promise.resolve(typed);
    if (this.#ended) return Promise.resolve(null);
    this.#readline.setPrompt(prompt);
    // The prompt stands on the terminal already, as the guest wrote it: this line takes its place.
    this.options.output.write('\r\u001b[K');
    this.#readline.prompt(true);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  close(): void {
    this.#answer = null;
    this.#readline.close();
  }

  #give(line: string | null): void {
    const answer = this.#answer;
    this.#answer = null;
    this.#readline.setPrompt('');
    if (answer !== null) answer(line);
    else if (line !== null) this.#typed.push(line);
  }

  #interrupted(): void {
    const answer = this.#answer;
    const prompt = this.#readline.getPrompt();
    // What was typed ahead goes with the line that is being typed.
    this.#typed.length = 0;
    this.#answer = null;
    this.#readline.setPrompt('');
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
    if (answer !== null) this.options.output.write('^C');
    if (this.options.onInterrupt(answer !== null) || answer === null) return;
    this.#answer = answer;
    this.options.output.write('\n');
    this.#readline.setPrompt(prompt);
    this.#readline.prompt();
  }
}

export const HISTORY_LINES = 1000;
