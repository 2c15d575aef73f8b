import type { Architecture } from "../architecture.ts";

/**
 * The code at e_entry of a linked file. The kernel enters with the initial stack at sp: argc, argv, NULL, envp, NULL,
 * auxv, as on every other architecture (Linux, fs/binfmt_elf.c). System calls keep every register but x0.
 */
export const ENTRY: Architecture["entry"] = {
  // rt_sigprocmask(SIG_BLOCK, {SIGINT, SIGTERM}, NULL, 8)
  blockSignals: `
    49 00 88 d2               mov    x9, #0x4002
    e9 0f 1f f8               str    x9, [sp, #-16]!
    e8 10 80 d2               mov    x8, #0x87
    00 00 80 d2               mov    x0, #0x0
    e1 03 00 91               mov    x1, sp
    02 00 80 d2               mov    x2, #0x0
    03 01 80 d2               mov    x3, #0x8
    01 00 00 d4               svc    #0x0
    ff 43 00 91               add    sp, sp, #0x10`,
  // for each fd of 0 to 2: if fcntl(fd, F_GETFD) fails, openat(AT_FDCWD, "/", O_PATH|O_CLOEXEC), which takes the lowest free one
  fillDescriptors: `
    13 00 80 d2               mov    x19, #0x0
    28 03 80 d2               mov    x8, #0x19
    e0 03 13 aa               mov    x0, x19
    21 00 80 d2               mov    x1, #0x1
    01 00 00 d4               svc    #0x0
    20 01 f8 b6               tbz    x0, #63, 0x38
    e9 05 80 d2               mov    x9, #0x2f
    e9 0f 1f f8               str    x9, [sp, #-16]!
    08 07 80 d2               mov    x8, #0x38
    60 0c 80 92               mov    x0, #0xffffffffffffff9c
    e1 03 00 91               mov    x1, sp
    02 05 a0 d2               mov    x2, #0x280000
    01 00 00 d4               svc    #0x0
    ff 43 00 91               add    sp, sp, #0x10
    73 06 00 91               add    x19, x19, #0x1
    7f 0e 00 f1               cmp    x19, #0x3
    21 fe ff 54               b.ne   0x4`,
  // for each envp: *string = 0
  emptyEnvironment: `
    e9 03 40 f9               ldr    x9, [sp]
    f3 6f 29 8b               add    x19, sp, x9, lsl #3
    73 42 00 91               add    x19, x19, #0x10
    69 86 40 f8               ldr    x9, [x19], #8
    69 00 00 b4               cbz    x9, 0x1c
    3f 01 00 39               strb   wzr, [x9]
    fd ff ff 17               b      0xc`,
  // x19 = auxv, behind the NULL of envp
  findAuxv: `
    e9 03 40 f9               ldr    x9, [sp]
    f3 6f 29 8b               add    x19, sp, x9, lsl #3
    73 42 00 91               add    x19, x19, #0x10
    69 86 40 f8               ldr    x9, [x19], #8
    e9 ff ff b5               cbnz   x9, 0xc`,
  // AT_SYSINFO_EHDR (33) becomes AT_IGNORE (1)
  hideVdso: `
    ea 03 13 aa               mov    x10, x19
    49 05 41 f8               ldr    x9, [x10], #16
    c9 00 00 b4               cbz    x9, 0x20
    3f 85 00 f1               cmp    x9, #0x21
    a1 ff ff 54               b.ne   0x4
    29 00 80 d2               mov    x9, #0x1
    49 01 1f f8               stur   x9, [x10, #-16]
    fa ff ff 17               b      0x4`,
  // mmap(base, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0); udf faults if it is
  // not there. Then argc to AT_NULL moves to its top, 16 bytes aligned, and sp with it.
  ownStack: `
    c8 1b 80 d2               mov    x8, #0xde
    40 03 00 58               ldr    x0, 0x6c
    61 03 00 58               ldr    x1, 0x74
    62 00 80 d2               mov    x2, #0x3
    43 04 80 d2               mov    x3, #0x22
    03 02 a0 f2               movk   x3, #0x10, lsl #16
    04 00 80 92               mov    x4, #0xffffffffffffffff
    05 00 80 d2               mov    x5, #0x0
    01 00 00 d4               svc    #0x0
    49 02 00 58               ldr    x9, 0x6c
    1f 00 09 eb               cmp    x0, x9
    40 00 00 54               b.eq   0x34
    00 00 00 00               udf    #0
    09 00 01 8b               add    x9, x0, x1
    6a 06 41 f8               ldr    x10, [x19], #16
    ea ff ff b5               cbnz   x10, 0x38
    ea 03 00 91               mov    x10, sp
    6b 02 0a cb               sub    x11, x19, x10
    29 01 0b cb               sub    x9, x9, x11
    29 ed 7c 92               and    x9, x9, #0xfffffffffffffff0
    eb 03 09 aa               mov    x11, x9
    4c 85 40 f8               ldr    x12, [x10], #8
    6c 85 00 f8               str    x12, [x11], #8
    5f 01 13 eb               cmp    x10, x19
    a1 ff ff 54               b.ne   0x54
    3f 01 00 91               mov    sp, x9
    05 00 00 14               b      0x7c
    <stack_base:8>            .quad  <stack_base>
    <stack_size:8>            .quad  <stack_size>`,
  // AT_BASE (7) = musl, AT_ENTRY (9) = the program; then to musl
  enterMusl: `
    69 06 41 f8               ldr    x9, [x19], #16
    49 01 00 b4               cbz    x9, 0x2c
    3f 1d 00 f1               cmp    x9, #0x7
    61 00 00 54               b.ne   0x18
    2a 01 00 58               ldr    x10, 0x34
    6a 82 1f f8               stur   x10, [x19, #-8]
    3f 25 00 f1               cmp    x9, #0x9
    21 ff ff 54               b.ne   0x0
    2a 01 00 58               ldr    x10, 0x44
    6a 82 1f f8               stur   x10, [x19, #-8]
    f6 ff ff 17               b      0x0
    90 00 00 58               ldr    x16, 0x3c
    00 02 1f d6               br     x16
    <musl_base:8>             .quad  <musl_base>
    <musl_entry:8>            .quad  <musl_entry>
    <program_entry:8>         .quad  <program_entry>`,
};

export const ROUTINES: Architecture["routines"] = new Map([
  // Permanently undefined: SIGILL.
  ["trap", `
    00 00 00 00               udf    #0`],
  ["returnZero", `
    00 00 80 52               mov    w0, #0x0
    c0 03 5f d6               ret`],
  ["tlsDescriptor", `
    00 04 40 f9               ldr    x0, [x0, #8]
    c0 03 5f d6               ret`],
]);
