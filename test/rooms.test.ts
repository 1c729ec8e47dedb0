import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { packages, rooms, roots } from './rooms.ts'

const isTestCode = (file: string) => /\.(test|fake)\.ts$|\/conformance[\w-]*\.ts$/.test(file)
const files = globSync('{core,agent,operator,server,cli,sdk/typescript/src,proto}/**/*.{ts,js}').filter(
  file => !isTestCode(file),
)

function roomOf(file: string): string {
  const holding = Object.keys(rooms).filter(room => file.startsWith(`${room}/`))
  return holding.sort((a, b) => b.length - a.length)[0] ?? path.dirname(file)
}

const within = (target: string, room: string) => target === room || target.startsWith(`${room}/`)

function allowed(file: string, specifier: string): boolean {
  if (specifier.startsWith('node:')) return true
  const open = roots[file] ?? rooms[roomOf(file)] ?? []
  if (!specifier.startsWith('.')) return open.some(name => within(specifier, name))
  const target = path.posix.join(path.posix.dirname(file), specifier)
  return roomOf(target) === roomOf(file) || open.some(room => within(target, room))
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const statements = /^(?:import|export)\s(?:[\s\w{},*$]+\sfrom\s)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm
  return [...text.matchAll(statements)].map(match => (match[1] ?? match[2])!)
}

describe('rooms', () => {
  for (const file of files) {
    it(`${file} imports only what its room may`, () => {
      assert.deepEqual(
        importsOf(file).filter(specifier => !allowed(file, specifier)),
        [],
      )
    })
  }

  it('knows every folder that has code', () => {
    const unknown = files.filter(file => !(file in roots) && !(roomOf(file) in rooms))
    assert.deepEqual(unknown, [])
  })

  it('has a reason for every package of the product, and no package without one', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>
    }
    assert.deepEqual(Object.keys(dependencies).sort(), Object.keys(packages).sort())
  })

  it('uses every package of the product', () => {
    const imported = new Set(files.flatMap(importsOf))
    const used = (name: string) => [...imported].some(specifier => within(specifier, name))
    assert.deepEqual(
      Object.keys(packages).filter(name => !used(name)),
      [],
    )
  })

  it('takes exact versions only', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d/.test(version))
    assert.deepEqual(loose, [])
  })
})
