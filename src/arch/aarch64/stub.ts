import type { Stub } from "../architecture.ts";

/** The code that a snapshot starts with; `src/snapshot/stub.ts` describes it. Its data lie among the code. */
export const STUB: Stub = {
  look: `
    89 00 00 58               ldr    x9, 0x10
    29 01 40 39               ldrb   w9, [x9]
    04 00 00 14               b      0x18
    1f 20 03 d5               nop
    <page:8>                  .quad  <page>`,
  start: `
    10 00 00 14               b      0x40
    1f 20 03 d5               nop
    02 40 00 00 00 00 00 00   .quad  0x4002
    00 40 00 00 00 00 00 00   .quad  0x4000
    00 50 20 00 00 00 00 00   .quad  0x205000
    01 00 00 00 00 00 00 00   .quad  0x1
    00 00 00 00 00 00 00 00   .quad  0x0
    00 00 00 00 00 00 00 00   .quad  0x0
    00 00 00 00 00 00 00 00   .quad  0x0
    e8 10 80 d2               mov    x8, #0x87
    00 00 80 d2               mov    x0, #0x0
    01 fe ff 10               adr    x1, 0x8
    02 00 80 d2               mov    x2, #0x0
    03 01 80 d2               mov    x3, #0x8
    01 00 00 d4               svc    #0x0
    29 00 80 d2               mov    x9, #0x1
    40 02 00 b5               cbnz   x0, 0xa4
    88 15 80 d2               mov    x8, #0xac
    01 00 00 d4               svc    #0x0
    1f 04 00 f1               cmp    x0, #0x1
    f3 17 9f 9a               cset   x19, eq
    e8 10 80 d2               mov    x8, #0x87
    00 00 80 d2               mov    x0, #0x0
    c1 fc ff 10               adr    x1, 0x10
    21 0c 13 8b               add    x1, x1, x19, lsl #3
    01 00 00 d4               svc    #0x0
    49 00 80 d2               mov    x9, #0x2
    e0 00 00 b5               cbnz   x0, 0xa4
    c8 10 80 d2               mov    x8, #0x86
    20 02 80 d2               mov    x0, #0x11
    61 fc ff 10               adr    x1, 0x20
    01 00 00 d4               svc    #0x0
    69 00 80 d2               mov    x9, #0x3
    a0 00 00 b4               cbz    x0, 0xb4
    c8 0b 80 d2               mov    x8, #0x5e
    e0 03 09 aa               mov    x0, x9
    01 00 00 d4               svc    #0x0
    00 00 00 00               udf    #0
    88 20 80 d2               mov    x8, #0x104
    00 00 80 92               mov    x0, #0xffffffffffffffff
    01 00 80 d2               mov    x1, #0x0
    22 00 80 d2               mov    x2, #0x1
    03 00 80 d2               mov    x3, #0x0
    01 00 00 d4               svc    #0x0
    1f 00 00 f1               cmp    x0, #0x0
    2c ff ff 54               b.gt   0xb4
    88 36 80 d2               mov    x8, #0x1b4
    60 00 80 d2               mov    x0, #0x3
    01 00 80 12               mov    w1, #0xffffffff
    02 00 80 d2               mov    x2, #0x0
    01 00 00 d4               svc    #0x0
    ea 03 40 f9               ldr    x10, [sp]
    0b 00 80 d2               mov    x11, #0x0
    0c 00 80 d2               mov    x12, #0x0
    5f 05 00 f1               cmp    x10, #0x1
    a8 01 00 54               b.hi   0x12c
    53 01 00 b4               cbz    x19, 0x124
    28 11 80 d2               mov    x8, #0x89
    20 f8 ff 10               adr    x0, 0x8
    01 00 80 d2               mov    x1, #0x0
    02 00 80 d2               mov    x2, #0x0
    03 01 80 d2               mov    x3, #0x8
    01 00 00 d4               svc    #0x0
    1f 10 00 b1               cmn    x0, #0x4
    20 ff ff 54               b.eq   0x100
    10 00 00 14               b      0x160
    00 00 80 d2               mov    x0, #0x0
    0e 00 00 14               b      0x160
    eb 0b 40 f9               ldr    x11, [sp, #16]
    ec 7b 6a f8               ldr    x12, [sp, x10, lsl #3]
    8d 15 40 38               ldrb   w13, [x12], #1
    ed ff ff 35               cbnz   w13, 0x134
    8c 01 0b cb               sub    x12, x12, x11
    60 01 62 9e               scvtf  d0, x11
    0b 00 66 9e               fmov   x11, d0
    4d 00 e0 d2               mov    x13, #0x2000000000000
    6b 01 0d 8b               add    x11, x11, x13
    cd ff ff d2               mov    x13, #0xfffe000000000000
    8c 01 0d aa               orr    x12, x12, x13
    00 00 80 d2               mov    x0, #0x0
    1f 20 03 d5               nop`,
  // With arguments, x11 has their address and x12 their length, otherwise 0; x0 is the wait's result.
  copy: `
    89 01 00 58               ldr    x9, 0x30
    aa 01 00 58               ldr    x10, 0x38
    cd 01 00 58               ldr    x13, 0x40
    ad 00 00 b4               cbz    x13, 0x20
    2e 3d c1 a8               ldp    x14, x15, [x9], #16
    4e 3d 81 a8               stp    x14, x15, [x10], #16
    ad 05 00 d1               sub    x13, x13, #0x1
    fc ff ff 17               b      0xc
    6c 00 00 b4               cbz    x12, 0x2c
    2d 01 00 58               ldr    x13, 0x48
    ab 31 00 a9               stp    x11, x12, [x13]
    09 00 00 14               b      0x50
    <template:8>              .quad  <template>
    <data:8>                  .quad  <data>
    <pairs:8>                 .quad  <pairs>
    <arguments:8>             .quad  <arguments>`,
  // What a C function preserves (AAPCS64, section 6.1), the thread pointer, and the return address; x0 is the wait's
  // result.
  resume: `
    09 02 00 58               ldr    x9, 0x40
    49 d0 1b d5               msr    tpidr_el0, x9
    1e 02 00 10               adr    x30, 0x48
    c8 27 40 6d               ldp    d8, d9, [x30]
    ca 2f 41 6d               ldp    d10, d11, [x30, #16]
    cc 37 42 6d               ldp    d12, d13, [x30, #32]
    ce 3f 43 6d               ldp    d14, d15, [x30, #48]
    d3 53 44 a9               ldp    x19, x20, [x30, #64]
    d5 5b 45 a9               ldp    x21, x22, [x30, #80]
    d7 63 46 a9               ldp    x23, x24, [x30, #96]
    d9 6b 47 a9               ldp    x25, x26, [x30, #112]
    db 73 48 a9               ldp    x27, x28, [x30, #128]
    dd 27 49 a9               ldp    x29, x9, [x30, #144]
    3f 01 00 91               mov    sp, x9
    c9 7b 4a a9               ldp    x9, x30, [x30, #160]
    20 01 1f d6               br     x9
    <tpidr_el0:8>             .quad  <tpidr_el0>
    <d8:8>                    .quad  <d8>
    <d9:8>                    .quad  <d9>
    <d10:8>                   .quad  <d10>
    <d11:8>                   .quad  <d11>
    <d12:8>                   .quad  <d12>
    <d13:8>                   .quad  <d13>
    <d14:8>                   .quad  <d14>
    <d15:8>                   .quad  <d15>
    <x19:8>                   .quad  <x19>
    <x20:8>                   .quad  <x20>
    <x21:8>                   .quad  <x21>
    <x22:8>                   .quad  <x22>
    <x23:8>                   .quad  <x23>
    <x24:8>                   .quad  <x24>
    <x25:8>                   .quad  <x25>
    <x26:8>                   .quad  <x26>
    <x27:8>                   .quad  <x27>
    <x28:8>                   .quad  <x28>
    <x29:8>                   .quad  <x29>
    <sp:8>                    .quad  <sp>
    <pc:8>                    .quad  <pc>
    <x30:8>                   .quad  <x30>`,
  data: [],
  places: {},
};
