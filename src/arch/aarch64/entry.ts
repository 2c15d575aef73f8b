import type { Architecture } from "../architecture.ts";

/**
 * The code at e_entry of a linked file. The kernel enters it with the initial stack at sp: argc, argv, NULL, envp,
 * NULL, auxv, as on every other architecture (Linux, fs/binfmt_elf.c). System calls preserve every register but x0.
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
  // for each fd of 0 to 2: if fcntl(fd, F_GETFD) fails, openat(AT_FDCWD, "/", O_PATH|O_CLOEXEC), which takes the lowest
  // free one
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
  // x19 = auxv, after the NULL of envp
  findAuxv: `
    e9 03 40 f9               ldr    x9, [sp]
    f3 6f 29 8b               add    x19, sp, x9, lsl #3
    73 42 00 91               add    x19, x19, #0x10
    69 86 40 f8               ldr    x9, [x19], #8
    e9 ff ff b5               cbnz   x9, 0xc`,
  // AT_PHNUM (5) = all program headers, AT_BASE (7) = musl, AT_ENTRY (9) = the program; then to musl
  enterMusl: `
    69 06 41 f8               ldr    x9, [x19], #16
    c9 01 00 b4               cbz    x9, 0x3c
    3f 15 00 f1               cmp    x9, #0x5
    61 00 00 54               b.ne   0x18
    6a 02 00 58               ldr    x10, 0x5c
    6a 82 1f f8               stur   x10, [x19, #-8]
    3f 1d 00 f1               cmp    x9, #0x7
    61 00 00 54               b.ne   0x28
    2a 01 00 58               ldr    x10, 0x44
    6a 82 1f f8               stur   x10, [x19, #-8]
    3f 25 00 f1               cmp    x9, #0x9
    a1 fe ff 54               b.ne   0x0
    2a 01 00 58               ldr    x10, 0x54
    6a 82 1f f8               stur   x10, [x19, #-8]
    f2 ff ff 17               b      0x0
    90 00 00 58               ldr    x16, 0x4c
    00 02 1f d6               br     x16
    <musl_base:8>             .quad  <musl_base>
    <musl_entry:8>            .quad  <musl_entry>
    <program_entry:8>         .quad  <program_entry>
    <phnum:8>                 .quad  <phnum>`,
};

export const ROUTINES: Architecture["routines"] = new Map([
  // Permanently undefined: raises SIGILL.
  [
    "trap",
    `
    00 00 00 00               udf    #0`,
  ],
  [
    "returnZero",
    `
    00 00 80 52               mov    w0, #0x0
    c0 03 5f d6               ret`,
  ],
  [
    "tlsDescriptor",
    `
    00 04 40 f9               ldr    x0, [x0, #8]
    c0 03 5f d6               ret`,
  ],
  // _dl_find_object (glibc's dlfcn.h): dl_iterate_phdr over all modules. Returns 0 and fills in the result if one has
  // the address in a segment and has unwinding information; -1 otherwise. The callback returns 1 to end the walk.
  [
    "findObject",
    `
    fd 7b be a9               stp    x29, x30, [sp, #-32]!
    e0 07 01 a9               stp    x0, x1, [sp, #16]
    e1 43 00 91               add    x1, sp, #0x10
    c0 00 00 10               adr    x0, 0x24
    90 05 00 58               ldr    x16, 0xc0
    00 02 3f d6               blr    x16
    fd 7b c2 a8               ldp    x29, x30, [sp], #32
    00 04 00 51               sub    w0, w0, #0x1
    c0 03 5f d6               ret
    43 00 40 f9               ldr    x3, [x2]
    04 00 40 f9               ldr    x4, [x0]
    63 00 04 cb               sub    x3, x3, x4
    05 08 40 f9               ldr    x5, [x0, #16]
    06 30 40 79               ldrh   w6, [x0, #24]
    e7 03 1f aa               mov    x7, xzr
    e8 03 1f aa               mov    x8, xzr
    06 02 00 34               cbz    w6, 0x80
    a9 00 40 b9               ldr    w9, [x5]
    aa 08 40 f9               ldr    x10, [x5, #16]
    3f 05 00 71               cmp    w9, #0x1
    a1 00 00 54               b.ne   0x64
    ab 14 40 f9               ldr    x11, [x5, #40]
    6c 00 0a cb               sub    x12, x3, x10
    9f 01 0b eb               cmp    x12, x11
    a8 30 88 9a               csel   x8, x5, x8, cc
    0b aa 9c 52               mov    w11, #0xe550
    8b 8e ac 72               movk   w11, #0x6474, lsl #16
    3f 01 0b 6b               cmp    w9, w11
    47 01 87 9a               csel   x7, x10, x7, eq
    a5 e0 00 91               add    x5, x5, #0x38
    c6 04 00 51               sub    w6, w6, #0x1
    f1 ff ff 17               b      0x40
    a8 01 00 b4               cbz    x8, 0xb4
    87 01 00 b4               cbz    x7, 0xb4
    49 04 40 f9               ldr    x9, [x2, #8]
    0a 09 40 f9               ldr    x10, [x8, #16]
    0b 15 40 f9               ldr    x11, [x8, #40]
    4a 01 04 8b               add    x10, x10, x4
    6b 01 0a 8b               add    x11, x11, x10
    e7 00 04 8b               add    x7, x7, x4
    3f 29 00 a9               stp    xzr, x10, [x9]
    2b 7d 01 a9               stp    x11, xzr, [x9, #16]
    27 11 00 f9               str    x7, [x9, #32]
    20 00 80 52               mov    w0, #0x1
    c0 03 5f d6               ret
    e0 03 1f 2a               mov    w0, wzr
    c0 03 5f d6               ret
    1f 20 03 d5               nop
    <dl_iterate_phdr:8>       .quad  <dl_iterate_phdr>`,
  ],
  // __cxa_thread_atexit_impl: puts the destructor, its argument and the next entry into 24 bytes of malloc, in a list
  // that each thread has under a key. The key's destructor runs the list, last in first out; for the thread that calls
  // exit, a function given to atexit does.
  [
    "threadAtexit",
    `
    fd 7b bd a9               stp    x29, x30, [sp, #-48]!
    e0 07 01 a9               stp    x0, x1, [sp, #16]
    f3 13 00 f9               str    x19, [sp, #32]
    60 08 00 58               ldr    x0, 0x118
    61 03 00 10               adr    x1, 0x7c
    70 08 00 58               ldr    x16, 0x120
    00 02 3f d6               blr    x16
    00 03 80 d2               mov    x0, #0x18
    50 08 00 58               ldr    x16, 0x128
    00 02 3f d6               blr    x16
    20 02 00 b4               cbz    x0, 0x6c
    f3 03 00 aa               mov    x19, x0
    00 08 00 58               ldr    x0, 0x130
    00 00 40 b9               ldr    w0, [x0]
    10 08 00 58               ldr    x16, 0x138
    00 02 3f d6               blr    x16
    e1 0b 41 a9               ldp    x1, x2, [sp, #16]
    61 0a 00 a9               stp    x1, x2, [x19]
    60 0a 00 f9               str    x0, [x19, #16]
    20 07 00 58               ldr    x0, 0x130
    00 00 40 b9               ldr    w0, [x0]
    e1 03 13 aa               mov    x1, x19
    50 07 00 58               ldr    x16, 0x140
    00 02 3f d6               blr    x16
    f3 13 40 f9               ldr    x19, [sp, #32]
    fd 7b c3 a8               ldp    x29, x30, [sp], #48
    c0 03 5f d6               ret
    00 00 80 12               mov    w0, #0xffffffff
    f3 13 40 f9               ldr    x19, [sp, #32]
    fd 7b c3 a8               ldp    x29, x30, [sp], #48
    c0 03 5f d6               ret
    fd 7b bf a9               stp    x29, x30, [sp, #-16]!
    80 05 00 58               ldr    x0, 0x130
    e1 02 00 10               adr    x1, 0xe0
    10 06 00 58               ldr    x16, 0x148
    00 02 3f d6               blr    x16
    c0 00 00 35               cbnz   w0, 0xa8
    c0 00 00 10               adr    x0, 0xac
    d0 05 00 58               ldr    x16, 0x150
    00 02 3f d6               blr    x16
    fd 7b c1 a8               ldp    x29, x30, [sp], #16
    c0 03 5f d6               ret
    00 00 00 00               udf    #0
    fd 7b be a9               stp    x29, x30, [sp, #-32]!
    f3 0b 00 f9               str    x19, [sp, #16]
    e0 03 00 58               ldr    x0, 0x130
    00 00 40 b9               ldr    w0, [x0]
    f0 03 00 58               ldr    x16, 0x138
    00 02 3f d6               blr    x16
    f3 03 00 aa               mov    x19, x0
    40 03 00 58               ldr    x0, 0x130
    00 00 40 b9               ldr    w0, [x0]
    e1 03 1f aa               mov    x1, xzr
    70 03 00 58               ldr    x16, 0x140
    00 02 3f d6               blr    x16
    04 00 00 14               b      0xec
    fd 7b be a9               stp    x29, x30, [sp, #-32]!
    f3 0b 00 f9               str    x19, [sp, #16]
    f3 03 00 aa               mov    x19, x0
    13 01 00 b4               cbz    x19, 0x10c
    61 02 40 a9               ldp    x1, x0, [x19]
    20 00 3f d6               blr    x1
    e0 03 13 aa               mov    x0, x19
    73 0a 40 f9               ldr    x19, [x19, #16]
    d0 02 00 58               ldr    x16, 0x158
    00 02 3f d6               blr    x16
    f9 ff ff 17               b      0xec
    f3 0b 40 f9               ldr    x19, [sp, #16]
    fd 7b c2 a8               ldp    x29, x30, [sp], #32
    c0 03 5f d6               ret
    <thread_atexit_once:8>    .quad  <thread_atexit_once>
    <pthread_once:8>          .quad  <pthread_once>
    <malloc:8>                .quad  <malloc>
    <thread_atexit_key:8>     .quad  <thread_atexit_key>
    <pthread_getspecific:8>   .quad  <pthread_getspecific>
    <pthread_setspecific:8>   .quad  <pthread_setspecific>
    <pthread_key_create:8>    .quad  <pthread_key_create>
    <atexit:8>                .quad  <atexit>
    <free:8>                  .quad  <free>`,
  ],
  // getentropy(4 bytes), which fails on no kernel that Bun runs on.
  [
    "arc4random",
    `
    fd 7b be a9               stp    x29, x30, [sp, #-32]!
    e0 43 00 91               add    x0, sp, #0x10
    81 00 80 d2               mov    x1, #0x4
    f0 00 00 58               ldr    x16, 0x28
    00 02 3f d6               blr    x16
    80 00 00 35               cbnz   w0, 0x24
    e0 13 40 b9               ldr    w0, [sp, #16]
    fd 7b c2 a8               ldp    x29, x30, [sp], #32
    c0 03 5f d6               ret
    00 00 00 00               udf    #0
    <getentropy:8>            .quad  <getentropy>`,
  ],
  // __newlocale: returns the structure for "C", NULL (no such locale) for any other name.
  [
    "newLocale",
    `
    22 00 40 39               ldrb   w2, [x1]
    e0 03 1f aa               mov    x0, xzr
    5f 0c 01 71               cmp    w2, #0x43
    81 00 00 54               b.ne   0x1c
    22 04 40 39               ldrb   w2, [x1, #1]
    42 00 00 35               cbnz   w2, 0x1c
    40 00 00 58               ldr    x0, 0x20
    c0 03 5f d6               ret
    <glibc_c_locale:8>        .quad  <glibc_c_locale>`,
  ],
  // __duplocale: nothing changes a locale object, so the copy is the object itself.
  [
    "sameLocale",
    `
    c0 03 5f d6               ret`,
  ],
]);
