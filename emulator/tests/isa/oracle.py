"""Runs instruction tests in unicorn: records come in on stdin, results go out on stdout.

A request is a 32-bit count, then that many records of REQUEST; the answer is as many of ANSWER.
The start state is loaded by instructions (PROLOGUE), because unicorn's register writes do not
reach all of APSR and FPSCR.
"""
import struct
import sys

from unicorn import (
    UC_ARCH_ARM,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    Uc,
    UcError,
    __version__,
)
from unicorn.arm_const import *

START = 0x2000_3000
STATE = 0x2000_1000
DATA = 0x2000_2000
DATA_SIZE = 256
# code, instructions, r0-r12 sp lr, apsr, fpscr, s0-s31, data
REQUEST = struct.Struct("<24s2I15I2I32I256s")
# r0 sp pc, r1-r12 lr apsr fpscr primask basepri s0-s31, data, error
ANSWER = struct.Struct("<3I196s256sI")
PROLOGUE = struct.pack(
    "<22H",
    0xF241, 0x0000, 0xF2C2, 0x0000,  # movw r0, #0x1000; movt r0, #0x2000
    0x6C41,                          # ldr r1, [r0, #68]: fpscr
    0xEEE1, 0x1A10,                  # vmsr fpscr, r1
    0xF100, 0x0148,                  # add r1, r0, #72
    0xEC91, 0x0A20,                  # vldmia r1, {s0-s31}
    0x6C01,                          # ldr r1, [r0, #64]: apsr
    0xF381, 0x8C00,                  # msr apsr_nzcvqg, r1
    0xF8D0, 0xD034,                  # ldr sp, [r0, #52]
    0xF8D0, 0xE038,                  # ldr lr, [r0, #56]
    0xE890, 0x1FFF,                  # ldmia r0, {r0-r12}
    0xBF00, 0xBF00,
)
# Stores what the test left at STATE; r0 is read before.
EPILOGUE = struct.pack(
    "<26H",
    0xF241, 0x0000, 0xF2C2, 0x0000,  # movw r0, #0x1000; movt r0, #0x2000
    0xE880, 0x1FFE,                  # stmia r0, {r1-r12}
    0xF8C0, 0xE030,                  # str lr, [r0, #48]
    0xF3EF, 0x8100, 0x6341,          # mrs r1, apsr; str r1, [r0, #52]
    0xEEF1, 0x1A10, 0x6381,          # vmrs r1, fpscr; str r1, [r0, #56]
    0xF3EF, 0x8110, 0x63C1,          # mrs r1, primask; str r1, [r0, #60]
    0xF3EF, 0x8111, 0x6401,          # mrs r1, basepri; str r1, [r0, #64]
    0xF100, 0x0044,                  # add r0, r0, #68
    0xEC80, 0x0A20,                  # vstmia r0, {s0-s31}
    0xBF00, 0xBF00,
)
TEST = 0x2000_0800
FINISH = START + 0x400
READ = [UC_ARM_REG_R0, UC_ARM_REG_SP, UC_ARM_REG_PC]


def main():
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
    uc.mem_map(0x1E00_0000, 0x0400_0000)
    uc.mem_write(TEST, b'\x00\xBF' * 32)
    uc.mem_write(START, PROLOGUE)
    uc.mem_write(FINISH, EPILOGUE)
    clean = uc.context_save()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    stdout.write(f"unicorn {__version__}\n".encode())
    stdout.flush()
    while True:
        head = stdin.read(4)
        if len(head) < 4:
            return
        (count,) = struct.unpack("<I", head)
        block = stdin.read(count * REQUEST.size)
        answers = []
        for (code, length, steps, *fields) in REQUEST.iter_unpack(block):
            uc.context_restore(clean)
            uc.mem_write(TEST, code)
            uc.mem_write(STATE, struct.pack("<15I4x2I32I", *fields[:49]))
            uc.mem_write(DATA, fields[49])
            uc.ctl_remove_cache(TEST, TEST + 64)
            error = 0
            try:
                uc.emu_start(START | 1, START + len(PROLOGUE) - 4)
                if steps:
                    uc.emu_start(TEST | 1, 0xFFFF_FFFE, 0, steps)
                else:
                    uc.emu_start(TEST | 1, TEST + length)
            except UcError as problem:
                error = problem.errno or 255
            r0, sp, pc = uc.reg_read_batch(READ)
            data = bytes(uc.mem_read(DATA, DATA_SIZE))
            left = bytes(196)
            if not error:
                try:
                    uc.emu_start(FINISH | 1, FINISH + len(EPILOGUE) - 4)
                    left = bytes(uc.mem_read(STATE, 196))
                except UcError:
                    error = 255
            answers.append(ANSWER.pack(r0, sp, pc, left, data, error))
        stdout.write(b"".join(answers))
        stdout.flush()


main()
