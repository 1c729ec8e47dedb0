import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { Turns } from '../../../core/lib/turns.ts'

/** How hard a password is to guess from its hash: N = 2^ln, block size, times. Memory: 128 N r bytes. */
export interface ScryptCost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** 32 MiB for a tenth of a second or more (OWASP Password Storage Cheat Sheet, scrypt). */
export const scryptCost: ScryptCost = { ln: 15, r: 8, p: 3 }

const keyBytes = 32
const maxLn = 20

/** Passwords are hashed two at a time; more of them would take the memory and threads of everything else. */
const turns = new Turns(
  2,
  20,
  () =>
    new PulltraceError(Code.Unavailable, 'too many people are signing in at this moment', {
      fix: 'try again in a few seconds',
      retryAfterSeconds: 5,
    }),
)

/** What is stored of a password: `$scrypt$ln=15,r=8,p=3$salt$hash`, so that another cost leaves old ones good. */
export async function hashPassword(password: string, cost: ScryptCost = scryptCost): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, cost)
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** In a time that tells nothing of how near it is. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const { cost, salt, key } = parseHash(stored)
  return timingSafeEqual(await derive(password, salt, cost), key)
}

const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/

function parseHash(stored: string) {
  const [, ln, r, p, salt, key] = form.exec(stored) ?? []
  if (salt === undefined || key === undefined || Number(ln) > maxLn) {
    throw new PulltraceError(Code.Internal, 'the stored hash of a password is not of our form')
  }
  return {
    cost: { ln: Number(ln), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  }
}

/** The same characters, however a keyboard composes them. */
const derive = (password: string, salt: Buffer, { ln, r, p }: ScryptCost): Promise<Buffer> =>
  turns.take(
    () =>
      new Promise((resolve, reject) => {
        const N = 2 ** ln
        const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r }
        scrypt(password.normalize('NFC'), salt, keyBytes, options, (error, key) =>
          error === null ? resolve(key) : reject(error),
        )
      }),
  )
