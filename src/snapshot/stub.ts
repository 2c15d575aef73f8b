import { assemble, type Listing, type Values } from "../elf/listing.ts";
import { REG, type Registers } from "./ptrace.ts";

/**
 * The code a snapshot starts with. In order: block both signals, exit 1 if that fails; SIGTERM by itself, exit 2; SIGCHLD
 * to SIG_IGN, exit 3; take the zombies there are; close_range(3, ~0). Then, with one argument or none and as PID 1, wait
 * right here, again after EINTR; what ends the wait is the result the program finds. Otherwise give the program 0, which is
 * no signal, and the command line: its address (the NUL that ends argv[0]) and its length in bytes, in words 3 and 4 of
 * the siginfo_t it waits with. Last: FS base, registers, and into the program behind its system call.
 */
export const STUB_LISTING: Listing = `
  b8 0e 00 00 00            mov    eax,0xe
  31 ff                     xor    edi,edi
  be <both_signals:4>       mov    esi,<both_signals>
  31 d2                     xor    edx,edx
  41 ba 08 00 00 00         mov    r10d,0x8
  0f 05                     syscall
  bf 01 00 00 00            mov    edi,0x1
  85 c0                     test   eax,eax
  75 31                     jne    0x50
  b8 0e 00 00 00            mov    eax,0xe
  31 ff                     xor    edi,edi
  be <sigterm:4>            mov    esi,<sigterm>
  0f 05                     syscall
  bf 02 00 00 00            mov    edi,0x2
  85 c0                     test   eax,eax
  75 1a                     jne    0x50
  b8 0d 00 00 00            mov    eax,0xd
  bf 11 00 00 00            mov    edi,0x11
  be <sigign:4>             mov    esi,<sigign>
  0f 05                     syscall
  bf 03 00 00 00            mov    edi,0x3
  85 c0                     test   eax,eax
  74 08                     je     0x58
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
  7f e4                     jg     0x58
  b8 b4 01 00 00            mov    eax,0x1b4
  bf 03 00 00 00            mov    edi,0x3
  be ff ff ff ff            mov    esi,0xffffffff
  31 d2                     xor    edx,edx
  0f 05                     syscall
  48 8b 0c 24               mov    rcx,QWORD PTR [rsp]
  48 83 f9 01               cmp    rcx,0x1
  77 2f                     ja     0xc0
  b8 27 00 00 00            mov    eax,0x27
  0f 05                     syscall
  83 f8 01                  cmp    eax,0x1
  75 1d                     jne    0xba
  b8 80 00 00 00            mov    eax,0x80
  bf <both_signals:4>       mov    edi,<both_signals>
  31 f6                     xor    esi,esi
  31 d2                     xor    edx,edx
  41 ba 08 00 00 00         mov    r10d,0x8
  0f 05                     syscall
  83 f8 fc                  cmp    eax,0xfffffffc
  74 e5                     je     0x9d
  eb 32                     jmp    0xec
  31 c0                     xor    eax,eax
  31 d2                     xor    edx,edx
  eb 18                     jmp    0xd8
  48 8b 44 24 10            mov    rax,QWORD PTR [rsp+0x10]
  48 ff c8                  dec    rax
  48 8b 14 cc               mov    rdx,QWORD PTR [rsp+rcx*8]
  48 ff c2                  inc    rdx
  80 7a ff 00               cmp    BYTE PTR [rdx-0x1],0x0
  75 f7                     jne    0xcc
  48 29 c2                  sub    rdx,rax
  48 b9 <info:8>            movabs rcx,<info>
  48 89 41 18               mov    QWORD PTR [rcx+0x18],rax
  48 89 51 20               mov    QWORD PTR [rcx+0x20],rdx
  31 c0                     xor    eax,eax
  48 89 c3                  mov    rbx,rax
  b8 9e 00 00 00            mov    eax,0x9e
  bf 02 10 00 00            mov    edi,0x1002
  48 be <fs_base:8>         movabs rsi,<fs_base>
  0f 05                     syscall
  48 89 d8                  mov    rax,rbx
  48 bb <rbx:8>             movabs rbx,<rbx>
  48 ba <rdx:8>             movabs rdx,<rdx>
  48 be <rsi:8>             movabs rsi,<rsi>
  48 bf <rdi:8>             movabs rdi,<rdi>
  48 bd <rbp:8>             movabs rbp,<rbp>
  48 bc <rsp:8>             movabs rsp,<rsp>
  49 b8 <r8:8>              movabs r8,<r8>
  49 b9 <r9:8>              movabs r9,<r9>
  49 ba <r10:8>             movabs r10,<r10>
  49 bc <r12:8>             movabs r12,<r12>
  49 bd <r13:8>             movabs r13,<r13>
  49 be <r14:8>             movabs r14,<r14>
  49 bf <r15:8>             movabs r15,<r15>
  48 b9 <rip:8>             movabs rcx,<rip>
  ff e1                     jmp    rcx`;

/** What the stub's system calls read, bytes: a sigset_t of 8 for each rt_sigprocmask and the wait, a struct sigaction of 32. */
const DATA = { both_signals: 0, sigterm: 8, sigign: 16 };
const DATA_SIZE = 48;
const SIG_IGN = 1n;

/** Where in the siginfo_t of the wait the command line's address and length go: words 3 and 4, the bytes from 24. */
export const INFO_COMMAND_LINE = 24;

/** Where a snapshot goes on: the registers of the donor there, and the address of the siginfo_t it gave to its wait. */
export type Checkpoint = { readonly registers: Registers; readonly info: number };

/** The stub and its data, to lie at `address` (below 4 GiB): the code first, its first byte is the entry. */
export function stub(address: number, { registers, info }: Checkpoint): Uint8Array {
  const code = (data: number) => assemble(STUB_LISTING, { info, ...values(registers), ...addresses(data) });
  const dataAt = Math.ceil((address + code(0).length) / 8) * 8;
  const bytes = new Uint8Array(dataAt - address + DATA_SIZE);
  bytes.set(code(dataAt));
  bytes.set(new Uint8Array(BigUint64Array.of(0x4002n, 0x4000n, SIG_IGN, 0n, 0n, 0n).buffer), dataAt - address);
  return bytes;
}

function addresses(data: number): Values {
  return Object.fromEntries(Object.entries(DATA).map(([name, offset]) => [name, data + offset]));
}

/** All that the program may rely on where a C function returns to it, and more; rax is the wait's result. */
function values(registers: Registers): Values {
  const value = (name: keyof typeof REG) => registers[REG[name]] ?? 0n;
  const restored = ["rbx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r12", "r13", "r14", "r15", "rip", "fs_base"] as const;
  return Object.fromEntries(restored.map((name) => [name, value(name)]));
}
