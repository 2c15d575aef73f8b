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
  // rbx = auxv, after the NULL of envp
  findAuxv: `
    48 8b 04 24               mov    rax,QWORD PTR [rsp]
    48 8d 5c c4 10            lea    rbx,[rsp+rax*8+0x10]
    48 8b 03                  mov    rax,QWORD PTR [rbx]
    48 83 c3 08               add    rbx,0x8
    48 85 c0                  test   rax,rax
    75 f4                     jne    0x9`,
  // AT_PHNUM (5) = all program headers, AT_BASE (7) = musl, AT_ENTRY (9) = the program; then to musl
  enterMusl: `
    48 8b 03                  mov    rax,QWORD PTR [rbx]
    48 85 c0                  test   rax,rax
    74 3c                     je     0x44
    48 83 f8 05               cmp    rax,0x5
    75 08                     jne    0x16
    48 c7 43 08 <phnum:4>     mov    QWORD PTR [rbx+0x8],<phnum>
    48 83 f8 07               cmp    rax,0x7
    75 0e                     jne    0x2a
    48 b9 <musl_base:8>       movabs rcx,<musl_base>
    48 89 4b 08               mov    QWORD PTR [rbx+0x8],rcx
    48 83 f8 09               cmp    rax,0x9
    75 0e                     jne    0x3e
    48 b9 <program_entry:8>   movabs rcx,<program_entry>
    48 89 4b 08               mov    QWORD PTR [rbx+0x8],rcx
    48 83 c3 10               add    rbx,0x10
    eb bc                     jmp    0x0
    48 b8 <musl_entry:8>      movabs rax,<musl_entry>
    ff e0                     jmp    rax`,
};

export const ROUTINES: Architecture["routines"] = new Map([
  // Invalid opcode: raises SIGILL.
  [
    "trap",
    `
    0f 0b                     ud2`,
  ],
  // _dl_find_object (glibc's dlfcn.h): dl_iterate_phdr over all modules. Returns 0 and fills in the result if one has
  // the address in a segment and has unwinding information; -1 otherwise. The callback returns 1 to end the walk.
  [
    "findObject",
    `
    56                          push   rsi
    57                          push   rdi
    48 89 e6                    mov    rsi,rsp
    50                          push   rax
    48 8d 3d 13 00 00 00        lea    rdi,[rip+0x13]
    48 b8 <dl_iterate_phdr:8>   movabs rax,<dl_iterate_phdr>
    ff d0                       call   rax
    48 83 c4 18                 add    rsp,0x18
    ff c8                       dec    eax
    c3                          ret
    48 8b 02                    mov    rax,QWORD PTR [rdx]
    48 2b 07                    sub    rax,QWORD PTR [rdi]
    48 8b 4f 10                 mov    rcx,QWORD PTR [rdi+0x10]
    0f b7 77 18                 movzx  esi,WORD PTR [rdi+0x18]
    45 31 c0                    xor    r8d,r8d
    45 31 c9                    xor    r9d,r9d
    85 f6                       test   esi,esi
    74 28                       je     0x60
    83 39 01                    cmp    DWORD PTR [rcx],0x1
    75 0f                       jne    0x4c
    49 89 c2                    mov    r10,rax
    4c 2b 51 10                 sub    r10,QWORD PTR [rcx+0x10]
    4c 3b 51 28                 cmp    r10,QWORD PTR [rcx+0x28]
    4c 0f 42 c9                 cmovb  r9,rcx
    81 39 50 e5 74 64           cmp    DWORD PTR [rcx],0x6474e550
    75 04                       jne    0x58
    4c 8b 41 10                 mov    r8,QWORD PTR [rcx+0x10]
    48 83 c1 38                 add    rcx,0x38
    ff ce                       dec    esi
    eb d4                       jmp    0x34
    31 c0                       xor    eax,eax
    4d 85 c9                    test   r9,r9
    74 2f                       je     0x96
    4d 85 c0                    test   r8,r8
    74 2a                       je     0x96
    48 8b 0f                    mov    rcx,QWORD PTR [rdi]
    48 8b 7a 08                 mov    rdi,QWORD PTR [rdx+0x8]
    48 89 07                    mov    QWORD PTR [rdi],rax
    48 89 47 18                 mov    QWORD PTR [rdi+0x18],rax
    49 8b 51 10                 mov    rdx,QWORD PTR [r9+0x10]
    48 01 ca                    add    rdx,rcx
    48 89 57 08                 mov    QWORD PTR [rdi+0x8],rdx
    49 03 51 28                 add    rdx,QWORD PTR [r9+0x28]
    48 89 57 10                 mov    QWORD PTR [rdi+0x10],rdx
    49 01 c8                    add    r8,rcx
    4c 89 47 20                 mov    QWORD PTR [rdi+0x20],r8
    ff c0                       inc    eax
    c3                          ret`,
  ],
  // __cxa_thread_atexit_impl: puts the destructor, its argument and the next entry into 24 bytes of malloc, in a list
  // that each thread has under a key. The key's destructor runs the list, last in first out; for the thread that calls
  // exit, a function given to atexit does.
  [
    "threadAtexit",
    `
    57                              push   rdi
    56                              push   rsi
    50                              push   rax
    48 bf <thread_atexit_once:8>    movabs rdi,<thread_atexit_once>
    48 8d 35 7c 00 00 00            lea    rsi,[rip+0x7c]
    48 b8 <pthread_once:8>          movabs rax,<pthread_once>
    ff d0                           call   rax
    bf 18 00 00 00                  mov    edi,0x18
    48 b8 <malloc:8>                movabs rax,<malloc>
    ff d0                           call   rax
    48 89 04 24                     mov    QWORD PTR [rsp],rax
    48 85 c0                        test   rax,rax
    74 4e                           je     0x88
    48 b8 <thread_atexit_key:8>     movabs rax,<thread_atexit_key>
    8b 38                           mov    edi,DWORD PTR [rax]
    48 b8 <pthread_getspecific:8>   movabs rax,<pthread_getspecific>
    ff d0                           call   rax
    48 8b 34 24                     mov    rsi,QWORD PTR [rsp]
    48 89 46 10                     mov    QWORD PTR [rsi+0x10],rax
    48 8b 44 24 08                  mov    rax,QWORD PTR [rsp+0x8]
    48 89 46 08                     mov    QWORD PTR [rsi+0x8],rax
    48 8b 44 24 10                  mov    rax,QWORD PTR [rsp+0x10]
    48 89 06                        mov    QWORD PTR [rsi],rax
    48 b8 <thread_atexit_key:8>     movabs rax,<thread_atexit_key>
    8b 38                           mov    edi,DWORD PTR [rax]
    48 b8 <pthread_setspecific:8>   movabs rax,<pthread_setspecific>
    ff d0                           call   rax
    48 83 c4 18                     add    rsp,0x18
    c3                              ret
    83 c8 ff                        or     eax,0xffffffff
    48 83 c4 18                     add    rsp,0x18
    c3                              ret
    50                              push   rax
    48 bf <thread_atexit_key:8>     movabs rdi,<thread_atexit_key>
    48 8d 35 61 00 00 00            lea    rsi,[rip+0x61]
    48 b8 <pthread_key_create:8>    movabs rax,<pthread_key_create>
    ff d0                           call   rax
    85 c0                           test   eax,eax
    75 15                           jne    0xc7
    48 8d 3d 10 00 00 00            lea    rdi,[rip+0x10]
    48 b8 <atexit:8>                movabs rax,<atexit>
    ff d0                           call   rax
    59                              pop    rcx
    c3                              ret
    0f 0b                           ud2
    53                              push   rbx
    48 b8 <thread_atexit_key:8>     movabs rax,<thread_atexit_key>
    8b 38                           mov    edi,DWORD PTR [rax]
    48 b8 <pthread_getspecific:8>   movabs rax,<pthread_getspecific>
    ff d0                           call   rax
    48 89 c3                        mov    rbx,rax
    48 b8 <thread_atexit_key:8>     movabs rax,<thread_atexit_key>
    8b 38                           mov    edi,DWORD PTR [rax]
    31 f6                           xor    esi,esi
    48 b8 <pthread_setspecific:8>   movabs rax,<pthread_setspecific>
    ff d0                           call   rax
    48 89 df                        mov    rdi,rbx
    5b                              pop    rbx
    53                              push   rbx
    48 89 fb                        mov    rbx,rdi
    48 85 db                        test   rbx,rbx
    74 1b                           je     0x127
    48 8b 7b 08                     mov    rdi,QWORD PTR [rbx+0x8]
    ff 13                           call   QWORD PTR [rbx]
    48 89 df                        mov    rdi,rbx
    48 8b 5b 10                     mov    rbx,QWORD PTR [rbx+0x10]
    48 b8 <free:8>                  movabs rax,<free>
    ff d0                           call   rax
    eb e0                           jmp    0x107
    5b                              pop    rbx
    c3                              ret`,
  ],
  // getentropy(4 bytes), which fails on no kernel that Bun runs on.
  [
    "arc4random",
    `
    48 83 ec 18               sub    rsp,0x18
    48 8d 7c 24 08            lea    rdi,[rsp+0x8]
    be 04 00 00 00            mov    esi,0x4
    48 b8 <getentropy:8>      movabs rax,<getentropy>
    ff d0                     call   rax
    85 c0                     test   eax,eax
    75 09                     jne    0x27
    8b 44 24 08               mov    eax,DWORD PTR [rsp+0x8]
    48 83 c4 18               add    rsp,0x18
    c3                        ret
    0f 0b                     ud2`,
  ],
  // __newlocale: returns the structure for "C", NULL (no such locale) for any other name.
  [
    "newLocale",
    `
    31 c0                      xor    eax,eax
    80 3e 43                   cmp    BYTE PTR [rsi],0x43
    75 10                      jne    0x17
    80 7e 01 00                cmp    BYTE PTR [rsi+0x1],0x0
    75 0a                      jne    0x17
    48 b8 <glibc_c_locale:8>   movabs rax,<glibc_c_locale>
    c3                         ret`,
  ],
  // __duplocale: nothing changes a locale object, so the copy is the object itself.
  [
    "sameLocale",
    `
    48 89 f8                  mov    rax,rdi
    c3                        ret`,
  ],
  [
    "returnZero",
    `
    31 c0                     xor    eax,eax
    c3                        ret`,
  ],
]);
