/**
 * What is known of a program for Linux from its own headers (elf(5)), for any processor: so nothing needs to be
 * installed for the one this machine is not. 64 bits, little end first, as amd64 and arm64 are.
 */
interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

const loaded = 1
const dynamic = 2

function segmentsOf(elf: Buffer): Segment[] {
  const magic = elf.subarray(0, 6).toString('hex')
  if (magic !== '7f454c460201') throw new Error(`not a 64-bit little-endian ELF file: it begins with ${magic}`)
  const first = Number(elf.readBigUInt64LE(0x20))
  const each = elf.readUInt16LE(0x36)
  return Array.from({ length: elf.readUInt16LE(0x38) }, (_, index) => {
    const at = first + index * each
    const long = (offset: number) => Number(elf.readBigUInt64LE(at + offset))
    return { type: elf.readUInt32LE(at), offset: long(0x08), address: long(0x10), size: long(0x20) }
  })
}

/**
 * Without what is only there for debuggers: everything behind the last byte that the kernel or the linker reads.
 * The names that stack traces of crashes show are kept, since the dynamic linker has them too.
 */
export function strip(elf: Buffer): Buffer {
  const end = Math.max(...segmentsOf(elf).map(({ offset, size }) => offset + size))
  if (end > elf.byteLength) throw new Error(`the ELF file is cut: ${elf.byteLength} bytes of at least ${end}`)
  const stripped = Buffer.from(elf.subarray(0, end))
  // Where the table of sections was, how many there are and which of them has their names.
  stripped.fill(0, 0x28, 0x30)
  stripped.fill(0, 0x3c, 0x40)
  return stripped
}

/** The libraries that a program or a library asks the dynamic linker for: DT_NEEDED, in their order. */
export function neededBy(elf: Buffer): string[] {
  const segments = segmentsOf(elf)
  const table = segments.find(({ type }) => type === dynamic)
  if (!table) return []
  const entries = Array.from({ length: table.size / 16 }, (_, index) => {
    const at = table.offset + index * 16
    return { tag: Number(elf.readBigInt64LE(at)), value: Number(elf.readBigUInt64LE(at + 8)) }
  })
  const address = entries.find(({ tag }) => tag === 5)?.value ?? 0
  const home = segments.find(
    part => part.type === loaded && part.address <= address && address < part.address + part.size,
  )
  if (!home) throw new Error('the ELF file names no strings for its dynamic section')
  const strings = address - home.address + home.offset
  const textAt = (at: number) => elf.toString('utf8', at, elf.indexOf(0, at))
  return entries.filter(({ tag }) => tag === 1).map(({ value }) => textAt(strings + value))
}
