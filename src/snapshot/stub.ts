import { assemble, type Listing, type Values } from "../elf/listing.ts";
import { REG, type Registers } from "./ptrace.ts";

/**
 * The code a snapshot starts with. In order: block both signals, exit 1 if that fails; SIGTERM by itself, and as PID 1 with
 * it SIGPIPE, exit 2; SIGCHLD to SIG_IGN, exit 3; take the zombies there are; close_range(3, ~0). Then, with one argument or
 * none and as PID 1, wait right here, again after EINTR; what ends the wait is the result the program finds. Otherwise give
 * the program 0, which is no signal, and the command line: the address of argv[1] as a double and its length to the last
 * argument's NUL, in bytes, as an int32, where the arguments of the function that waits lie.
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
  48 83 f9 01               cmp    rcx,0x1
  77 25                     ja     0xc7
  31 c0                     xor    eax,eax
  31 d2                     xor    edx,edx
  85 db                     test   ebx,ebx
  74 32                     je     0xdc
  b8 80 00 00 00            mov    eax,0x80
  bf <both_signals:4>       mov    edi,<both_signals>
  31 f6                     xor    esi,esi
  31 d2                     xor    edx,edx
  41 ba 08 00 00 00         mov    r10d,0x8
  0f 05                     syscall
  83 f8 fc                  cmp    eax,0xfffffffc
  74 e5                     je     0xaa
  eb 4c                     jmp    0x113
  48 8b 44 24 10            mov    rax,QWORD PTR [rsp+0x10]
  48 8b 14 cc               mov    rdx,QWORD PTR [rsp+rcx*8]
  48 ff c2                  inc    rdx
  80 7a ff 00               cmp    BYTE PTR [rdx-0x1],0x0
  75 f7                     jne    0xd0
  48 29 c2                  sub    rdx,rax
  f2 48 0f 2a c0            cvtsi2sd xmm0,rax
  66 48 0f 7e c0            movq   rax,xmm0
  48 b9 00 00 00 00 00 00 02 00  movabs rcx,0x2000000000000
  48 01 c8                  add    rax,rcx
  48 b9 00 00 00 00 00 00 fe ff  movabs rcx,0xfffe000000000000
  48 09 ca                  or     rdx,rcx
  48 b9 <arguments:8>       movabs rcx,<arguments>
  48 89 01                  mov    QWORD PTR [rcx],rax
  48 89 51 08               mov    QWORD PTR [rcx+0x8],rdx
  31 c0                     xor    eax,eax`;

/** Behind it, for each page that the program writes to on its way: a write first, for after a read a write would fault once more. */
export const TOUCH_LISTING: Listing = `
  48 b9 <page:8>            movabs rcx,<page>
  c6 01 <byte:1>            mov    BYTE PTR [rcx],<byte>`;

/** Last: FS base, registers, and into the program behind its system call. */
export const RESUME_LISTING: Listing = `
  49 89 c4                  mov    r12,rax
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
  ff e1                     jmp    rcx`;

/** What the stub's system calls read, bytes: a sigset_t of 8 for both signals, one for SIGTERM and behind it the one for PID 1, a struct sigaction of 32. */
const DATA = { both_signals: 0, sigterm: 8, sigign: 24 };
const DATA_SIZE = 56;
/** Of a sigset_t the bit signal - 1: SIGINT is 2, SIGPIPE 13, SIGTERM 15. */
const INT_AND_TERM = 0x4002n;
const TERM = 0x4000n;
const TERM_AND_PIPE = 0x5000n;
const SIG_IGN = 1n;

/** Where a snapshot goes on: the registers of the donor there, and where the arguments of the function that waits lie. */
export type Checkpoint = { readonly registers: Registers; readonly commandLine: number };

/** A page to write to, its address, and the byte it begins with, which it keeps. */
export type Touch = { readonly page: number; readonly byte: number };

/** The stub and its data, to lie at `address` (below 2 GiB): the code first, its first byte is the entry. */
export function stub(address: number, { registers, commandLine }: Checkpoint, touches: readonly Touch[]): Uint8Array {
  const code = (data: number) =>
    Buffer.concat([
      assemble(STUB_LISTING, { arguments: commandLine, ...addresses(data) }),
      ...touches.map((touch) => assemble(TOUCH_LISTING, touch)),
      assemble(RESUME_LISTING, values(registers)),
    ]);
  const dataAt = Math.ceil((address + code(0).length) / 8) * 8;
  const bytes = new Uint8Array(dataAt - address + DATA_SIZE);
  bytes.set(code(dataAt));
  bytes.set(new Uint8Array(BigUint64Array.of(INT_AND_TERM, TERM, TERM_AND_PIPE, SIG_IGN, 0n, 0n, 0n).buffer), dataAt - address);
  return bytes;
}

function addresses(data: number): Values {
  return Object.fromEntries(Object.entries(DATA).map(([name, offset]) => [name, data + offset]));
}

/** What a C function leaves as it was (x86-64 psABI, section 3.2.1), and where it returns to; rax is the wait's result. */
function values(registers: Registers): Values {
  const value = (name: keyof typeof REG) => registers[REG[name]] ?? 0n;
  const restored = ["rbx", "rbp", "rsp", "r12", "r13", "r14", "r15", "rip", "fs_base"] as const;
  return Object.fromEntries(restored.map((name) => [name, value(name)]));
}
