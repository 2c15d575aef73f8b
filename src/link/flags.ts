/** A yes or no that the user chooses: its default, and the command's option that inverts it. */
type Flag = { readonly unlessGiven: boolean; readonly option: string; readonly help?: string };

/** All flags. Adding one takes a row here, and the code where it takes effect. */
const FLAGS = {
  /**
   * Native addons (and older Buns) find libstdc++ and libgcc_s in the program: it has their symbols in its own table,
   * runs their constructors, unwinds exceptions, and fully implements what musl lacks of glibc. Default: yes.
   */
  addons: { unlessGiven: true, option: "no-addons", help: "leave out what native addons need (half a megabyte)" },
  /** musl's loader applies LD_PRELOAD and LD_LIBRARY_PATH. Default: no. */
  loaderVariables: {
    unlessGiven: false,
    option: "loader-variables",
    help: "apply LD_PRELOAD and LD_LIBRARY_PATH as musl's loader does",
  },
  /** Start with SIGINT and SIGTERM blocked, for a program that takes them with sigwait. Default: no. */
  blockSignals: { unlessGiven: false, option: "block-signals" },
  /**
   * If descriptor 0, 1 or 2 is closed, open the root directory there (O_PATH, O_CLOEXEC); the runtime would need
   * /dev/null for it. Default: no.
   */
  fillDescriptors: { unlessGiven: false, option: "fill-descriptors" },
  /** Make every environment string empty in place, so that no variable reaches the program. Default: no. */
  emptyEnvironment: { unlessGiven: false, option: "empty-environment" },
} satisfies Readonly<Record<string, Flag>>;

type Name = keyof typeof FLAGS;

/** The value of each flag. */
export type LinkFlags = { readonly [name in Name]: boolean };

/** Some flags; the others have their defaults. */
export type GivenFlags = { readonly [name in Name]?: boolean | undefined };

/** Is the flag on, given the choices in `given`? */
export const isOn = (given: GivenFlags, name: Name): boolean => given[name] ?? FLAGS[name].unlessGiven;

/** The command's options that invert a flag. */
export const FLAG_OPTIONS: readonly string[] = Object.values(FLAGS).map(({ option }) => option);

/** The choices of a command line; `has` says whether it has an option. */
export const flagsOf = (has: (option: string) => boolean): GivenFlags =>
  Object.fromEntries(
    Object.entries(FLAGS).map(([name, { unlessGiven, option }]) => [name, has(option) !== unlessGiven]),
  );

/** The lines of the command's help, with each option padded to `width` columns. */
export const flagsHelp = (width: number): string[] =>
  Object.values(FLAGS).flatMap(({ option, help }: Flag) =>
    help === undefined ? [] : [`${`  --${option}`.padEnd(width)}${help}`],
  );
