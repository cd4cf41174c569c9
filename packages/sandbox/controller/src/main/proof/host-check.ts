/** One thing that this host has or lacks. */
export interface HostCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Sandpiper cannot work without it. */
  readonly required: boolean;
  readonly detail: string;
  /** The command that fixes it, where there is one. */
  readonly fix: string | null;
}
