import type { Architecture } from "../architecture.ts";

/**
 * The code at e_entry of a linked file. The kernel enters with the initial stack of the x86-64 psABI (section 3.4.1) at
 * rsp: argc, argv, NULL, envp, NULL, auxv.
 */
export const ENTRY: Architecture["entry"] = {
  // rt_sigprocmask(SIG_BLOCK, {SIGINT, SIGTERM}, NULL, 8)
  blockSignals: `
    68 02 40 00 00            push   0x4002
    b8 0e 00 00 00            mov    eax,0xe
    31 ff                     xor    edi,edi
    48 89 e6                  mov    rsi,rsp
    31 d2                     xor    edx,edx
    41 ba 08 00 00 00         mov    r10d,0x8
    0f 05                     syscall
    58                        pop    rax`,
  // for each fd of 0 to 2: if fcntl(fd, F_GETFD) fails, open("/", O_PATH|O_CLOEXEC), which takes the lowest free one
  fillDescriptors: `
    31 db                     xor    ebx,ebx
    b8 48 00 00 00            mov    eax,0x48
    89 df                     mov    edi,ebx
    be 01 00 00 00            mov    esi,0x1
    0f 05                     syscall
    85 c0                     test   eax,eax
    79 12                     jns    0x26
    b8 02 00 00 00            mov    eax,0x2
    6a 2f                     push   0x2f
    48 89 e7                  mov    rdi,rsp
    be 00 00 28 00            mov    esi,0x280000
    0f 05                     syscall
    58                        pop    rax
    ff c3                     inc    ebx
    83 fb 03                  cmp    ebx,0x3
    75 d5                     jne    0x2`,
  // for each envp: *string = 0
  emptyEnvironment: `
    48 8b 04 24               mov    rax,QWORD PTR [rsp]
    48 8d 5c c4 10            lea    rbx,[rsp+rax*8+0x10]
    48 8b 03                  mov    rax,QWORD PTR [rbx]
    48 85 c0                  test   rax,rax
    74 09                     je     0x1a
    c6 00 00                  mov    BYTE PTR [rax],0x0
    48 83 c3 08               add    rbx,0x8
    eb ef                     jmp    0x9`,
  // rbx = auxv, behind the NULL of envp
  findAuxv: `
    48 8b 04 24               mov    rax,QWORD PTR [rsp]
    48 8d 5c c4 10            lea    rbx,[rsp+rax*8+0x10]
    48 8b 03                  mov    rax,QWORD PTR [rbx]
    48 83 c3 08               add    rbx,0x8
    48 85 c0                  test   rax,rax
    75 f4                     jne    0x9`,
  // AT_SYSINFO_EHDR (33) becomes AT_IGNORE (1)
  hideVdso: `
    48 89 d9                  mov    rcx,rbx
    48 8b 01                  mov    rax,QWORD PTR [rcx]
    48 85 c0                  test   rax,rax
    74 13                     je     0x1e
    48 83 f8 21               cmp    rax,0x21
    75 07                     jne    0x18
    48 c7 01 01 00 00 00      mov    QWORD PTR [rcx],0x1
    48 83 c1 10               add    rcx,0x10
    eb e5                     jmp    0x3`,
  // mmap(base, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0); hlt faults if it is
  // not there. Then argc to AT_NULL moves to its top, 16 bytes aligned, and rsp with it.
  ownStack: `
    b8 09 00 00 00            mov    eax,0x9
    48 bf <stack_base:8>      movabs rdi,<stack_base>
    be <stack_size:4>         mov    esi,<stack_size>
    ba 03 00 00 00            mov    edx,0x3
    41 ba 22 00 10 00         mov    r10d,0x100022
    49 c7 c0 ff ff ff ff      mov    r8,0xffffffffffffffff
    45 31 c9                  xor    r9d,r9d
    0f 05                     syscall
    48 bf <stack_base:8>      movabs rdi,<stack_base>
    48 39 f8                  cmp    rax,rdi
    74 01                     je     0x3b
    f4                        hlt
    48 8d 04 37               lea    rax,[rdi+rsi*1]
    48 8b 0b                  mov    rcx,QWORD PTR [rbx]
    48 83 c3 10               add    rbx,0x10
    48 85 c9                  test   rcx,rcx
    75 f4                     jne    0x3f
    48 89 d9                  mov    rcx,rbx
    48 29 e1                  sub    rcx,rsp
    48 29 c8                  sub    rax,rcx
    48 83 e0 f0               and    rax,0xfffffffffffffff0
    48 89 c7                  mov    rdi,rax
    48 89 e6                  mov    rsi,rsp
    48 89 c4                  mov    rsp,rax
    48 c1 e9 03               shr    rcx,0x3
    f3 48 a5                  rep movs QWORD PTR es:[rdi],QWORD PTR ds:[rsi]`,
  // AT_BASE (7) = musl, AT_ENTRY (9) = the program; then to musl
  enterMusl: `
    48 8b 03                  mov    rax,QWORD PTR [rbx]
    48 85 c0                  test   rax,rax
    74 2e                     je     0x36
    48 83 f8 07               cmp    rax,0x7
    75 0e                     jne    0x1c
    48 b9 <musl_base:8>       movabs rcx,<musl_base>
    48 89 4b 08               mov    QWORD PTR [rbx+0x8],rcx
    48 83 f8 09               cmp    rax,0x9
    75 0e                     jne    0x30
    48 b9 <program_entry:8>   movabs rcx,<program_entry>
    48 89 4b 08               mov    QWORD PTR [rbx+0x8],rcx
    48 83 c3 10               add    rbx,0x10
    eb ca                     jmp    0x0
    48 b8 <musl_entry:8>      movabs rax,<musl_entry>
    ff e0                     jmp    rax`,
};

export const ROUTINES: Architecture["routines"] = new Map([
  // Invalid opcode: SIGILL.
  ["trap", `
    0f 0b                     ud2`],
]);
