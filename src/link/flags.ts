/** A yes or no that the user chooses: what it is unless chosen, and the option of the command that turns it round. */
type Flag = { readonly unlessGiven: boolean; readonly option: string; readonly help?: string };

/** All there are: one more is a row here, and the place where it takes effect. */
const FLAGS = {
  /**
   * Native addons (and older Buns) find libstdc++ and libgcc_s in the program: their symbols in its own table, their
   * constructors run, exceptions unwound, what musl lacks of glibc done in full: yes, unless given.
   */
  addons: { unlessGiven: true, option: "no-addons", help: "leave out what native addons need (half a megabyte)" },
  /** musl's loader heeds LD_PRELOAD and LD_LIBRARY_PATH: no, unless given. */
  loaderVariables: {
    unlessGiven: false,
    option: "loader-variables",
    help: "heed LD_PRELOAD and LD_LIBRARY_PATH as musl's loader does",
  },
  /** Start with SIGINT and SIGTERM blocked, for a program that takes them with sigwait: no, unless given. */
  blockSignals: { unlessGiven: false, option: "block-signals" },
  /**
   * Open the root directory (O_PATH, O_CLOEXEC) where descriptor 0, 1 or 2 is closed, which the runtime would need
   * /dev/null for: no, unless given.
   */
  fillDescriptors: { unlessGiven: false, option: "fill-descriptors" },
  /** Make every environment string empty where it stands, so that no variable reaches the program: no, unless given. */
  emptyEnvironment: { unlessGiven: false, option: "empty-environment" },
} satisfies Readonly<Record<string, Flag>>;

type Name = keyof typeof FLAGS;

/** What is chosen of each. */
export type LinkFlags = { readonly [name in Name]: boolean };

/** Some of them: the others are as they are unless given. */
export type GivenFlags = { readonly [name in Name]?: boolean | undefined };

/** Is the flag on, when `given` is what was said? */
export const isOn = (given: GivenFlags, name: Name): boolean => given[name] ?? FLAGS[name].unlessGiven;

/** The options of the command that turn a flag round. */
export const FLAG_OPTIONS: readonly string[] = Object.values(FLAGS).map(({ option }) => option);

/** What a command line chooses that has the options for which `has` is true. */
export const flagsOf = (has: (option: string) => boolean): GivenFlags =>
  Object.fromEntries(
    Object.entries(FLAGS).map(([name, { unlessGiven, option }]) => [name, has(option) !== unlessGiven]),
  );

/** The lines of the command's help, each with the option in `width` columns. */
export const flagsHelp = (width: number): string[] =>
  Object.values(FLAGS).flatMap(({ option, help }: Flag) =>
    help === undefined ? [] : [`${`  --${option}`.padEnd(width)}${help}`],
  );
