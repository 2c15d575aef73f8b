import type { Stub } from "../architecture.ts";

/** The code that a snapshot starts with; `src/snapshot/stub.ts` describes it. */
export const STUB: Stub = {
  look: `
  8a 04 25 <page:4>         mov    al,BYTE PTR ds:<page>`,
  start: `
  b8 0e 00 00 00            mov    eax,0xe
  31 ff                     xor    edi,edi
  be <both_signals:4>       mov    esi,<both_signals>
  31 d2                     xor    edx,edx
  41 ba 08 00 00 00         mov    r10d,0x8
  0f 05                     syscall
  bf 01 00 00 00            mov    edi,0x1
  85 c0                     test   eax,eax
  75 42                     jne    0x61
  b8 27 00 00 00            mov    eax,0x27
  0f 05                     syscall
  31 db                     xor    ebx,ebx
  83 f8 01                  cmp    eax,0x1
  0f 94 c3                  sete   bl
  b8 0e 00 00 00            mov    eax,0xe
  31 ff                     xor    edi,edi
  8d 34 dd <sigterm:4>      lea    esi,[rbx*8+<sigterm>]
  0f 05                     syscall
  bf 02 00 00 00            mov    edi,0x2
  85 c0                     test   eax,eax
  75 1a                     jne    0x61
  b8 0d 00 00 00            mov    eax,0xd
  bf 11 00 00 00            mov    edi,0x11
  be <sigign:4>             mov    esi,<sigign>
  0f 05                     syscall
  bf 03 00 00 00            mov    edi,0x3
  85 c0                     test   eax,eax
  74 08                     je     0x69
  b8 e7 00 00 00            mov    eax,0xe7
  0f 05                     syscall
  f4                        hlt
  b8 3d 00 00 00            mov    eax,0x3d
  48 c7 c7 ff ff ff ff      mov    rdi,0xffffffffffffffff
  31 f6                     xor    esi,esi
  ba 01 00 00 00            mov    edx,0x1
  45 31 d2                  xor    r10d,r10d
  0f 05                     syscall
  85 c0                     test   eax,eax
  7f e4                     jg     0x69
  b8 b4 01 00 00            mov    eax,0x1b4
  bf 03 00 00 00            mov    edi,0x3
  be ff ff ff ff            mov    esi,0xffffffff
  31 d2                     xor    edx,edx
  0f 05                     syscall
  48 8b 0c 24               mov    rcx,QWORD PTR [rsp]
  45 31 ff                  xor    r15d,r15d
  48 83 f9 01               cmp    rcx,0x1
  77 23                     ja     0xc8
  31 c0                     xor    eax,eax
  85 db                     test   ebx,ebx
  74 59                     je     0x104
  b8 80 00 00 00            mov    eax,0x80
  bf <both_signals:4>       mov    edi,<both_signals>
  31 f6                     xor    esi,esi
  31 d2                     xor    edx,edx
  41 ba 08 00 00 00         mov    r10d,0x8
  0f 05                     syscall
  83 f8 fc                  cmp    eax,0xfffffffc
  74 e5                     je     0xab
  eb 3c                     jmp    0x104
  4c 8b 74 24 10            mov    r14,QWORD PTR [rsp+0x10]
  4c 8b 3c cc               mov    r15,QWORD PTR [rsp+rcx*8]
  49 ff c7                  inc    r15
  41 80 7f ff 00            cmp    BYTE PTR [r15-0x1],0x0
  75 f6                     jne    0xd1
  4d 29 f7                  sub    r15,r14
  f2 49 0f 2a c6            cvtsi2sd xmm0,r14
  66 49 0f 7e c6            movq   r14,xmm0
  48 b9 00 00 00 00 00 00 02 00  movabs rcx,0x2000000000000
  49 01 ce                  add    r14,rcx
  48 b9 00 00 00 00 00 00 fe ff  movabs rcx,0xfffe000000000000
  49 09 cf                  or     r15,rcx
  31 c0                     xor    eax,eax`,
  // The wait's result stays in r12. With arguments, r14 has their address and r15 their length, otherwise 0.
  copy: `
  49 89 c4                  mov    r12,rax
  be <template:4>           mov    esi,<template>
  bf <data:4>               mov    edi,<data>
  b9 <words:4>              mov    ecx,<words>
  f3 48 a5                  rep movs QWORD PTR es:[rdi],QWORD PTR ds:[rsi]
  4d 85 ff                  test   r15,r15
  74 10                     je     0x2a
  4c 89 34 25 <arguments:4>  mov    QWORD PTR ds:<arguments>,r14
  4c 89 3c 25 <size:4>      mov    QWORD PTR ds:<size>,r15`,
  // What a C function preserves (x86-64 psABI, section 3.2.1), FS base, and the return address; rax is the wait's
  // result.
  resume: `
  b8 9e 00 00 00            mov    eax,0x9e
  bf 02 10 00 00            mov    edi,0x1002
  48 be <fs_base:8>         movabs rsi,<fs_base>
  0f 05                     syscall
  4c 89 e0                  mov    rax,r12
  48 bb <rbx:8>             movabs rbx,<rbx>
  48 bd <rbp:8>             movabs rbp,<rbp>
  48 bc <rsp:8>             movabs rsp,<rsp>
  49 bc <r12:8>             movabs r12,<r12>
  49 bd <r13:8>             movabs r13,<r13>
  49 be <r14:8>             movabs r14,<r14>
  49 bf <r15:8>             movabs r15,<r15>
  48 b9 <rip:8>             movabs rcx,<rip>
  ff e1                     jmp    rcx`,
  // A sigset_t with SIGINT and SIGTERM; one with SIGTERM, followed by the one for PID 1, with SIGPIPE and SIGTTOU; a
  // struct sigaction of 32 bytes with SIG_IGN.
  data: [0x4002n, 0x4000n, 0x20_5000n, 1n, 0n, 0n, 0n],
  places: { both_signals: 0, sigterm: 8, sigign: 24 },
};
