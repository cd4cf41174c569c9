import { createInterface, type Interface } from 'node:readline';

export interface PromptOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Latest first, as in node:readline. */
  readonly history: readonly string[];
  /** Ctrl-C. `typing`: a line was being read. Returns true when the guest will ask for a line again. */
  readonly onInterrupt: (typing: boolean) => boolean;
}

/** A line with its line break, as the guest reads it; null at the end of input. */
type Answer = (line: string | null) => void;

/**
 * Reads lines from a terminal; editing happens here, outside the sandbox. Lines that are typed or pasted
 * ahead are queued.
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

  /** The next line. It replaces a read that is still open, without losing a line. */
  ask(prompt: string): Promise<string | null> {
    const typed = this.#typed.shift();
    if (typed !== undefined) return Promise.resolve(typed);
    if (this.#ended) return Promise.resolve(null);
    this.#readline.setPrompt(prompt);
    // The guest has already written the prompt to the terminal: this line replaces it.
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
    // Ctrl-C drops lines that were typed ahead as well.
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
