import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'

/**
 * Makes the package @trapperkeeper/sensor as it is published: `dist/sdk-typescript`, or the folder that is named. The
 * engine of rules and the generated code of the wire are bundled into one file; what npm has is a dependency.
 */
const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '../..')

export async function buildSdk(outdir: string): Promise<void> {
  await rm(outdir, { recursive: true, force: true })
  await mkdir(path.join(outdir, 'dist'), { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['sdk/typescript/src/index.ts'],
    outfile: path.resolve(outdir, 'dist/index.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: Object.keys(JSON.parse(await readFile(path.join(here, 'package.json'), 'utf8')).dependencies),
    metafile: true,
    logLevel: 'warning',
  })
  // Its licence would have to be passed on, and npm could not mend it.
  const foreign = Object.keys(metafile.inputs).filter(file => file.includes('node_modules/'))
  if (foreign.length > 0) throw new Error(`packages must be dependencies, not parts of the bundle: ${foreign}`)
  await writeTypes(path.join(outdir, 'dist/types'))
  for (const file of ['package.json', 'README.md']) await cp(path.join(here, file), path.join(outdir, file))
  await cp(path.join(root, 'LICENSE'), path.join(outdir, 'LICENSE'))
}

const entry = 'sdk/typescript/src/index.d.ts'

/** Only the types that the public ones need: what is inside must not be a promise, nor ask for packages of its own. */
async function writeTypes(outdir: string): Promise<void> {
  const all = await mkdtemp(path.join(tmpdir(), 'sensor-types-'))
  try {
    const project = path.join(here, 'tsconfig.build.json')
    await promisify(execFile)(path.join(root, 'node_modules/.bin/tsc'), ['-p', project, '--outDir', all])
    const written = new Set<string>()
    const write = async (file: string): Promise<void> => {
      if (written.has(file)) return
      written.add(file)
      const text = await readFile(path.join(all, file), 'utf8')
      const imported = [...text.matchAll(/ from '(\.[^']*)\.ts'/g)].map(match => match[1]!)
      // AsyncDisposable is in no default library of TypeScript yet.
      const head = file === entry ? '/// <reference lib="esnext.disposable" />\n' : ''
      const target = path.join(outdir, file)
      await mkdir(path.dirname(target), { recursive: true })
      const types = text.replaceAll(/^import '[^']*';\n/gm, '').replaceAll(/ from '(\.[^']*)\.ts'/g, " from '$1.js'")
      await writeFile(target, head + types)
      for (const name of imported) await write(path.join(path.dirname(file), `${name}.d.ts`))
    }
    await write(entry)
  } finally {
    await rm(all, { recursive: true })
  }
}

if (import.meta.main) {
  const outdir = process.argv[2] ?? path.join(root, 'dist/sdk-typescript')
  await buildSdk(outdir)
  console.log(`${outdir}: pack or publish it with npm`)
}
