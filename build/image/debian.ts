import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Architecture } from '../oci/image.ts'
import { file, type LayerFile, symlink } from '../oci/layer.ts'
import { cacheFolder } from './cache.ts'
import { run } from './run.ts'
import { readTar, type TarEntry } from './tar.ts'

const release = 'trixie'
/** Node's libraries, the certificates that public services are known by, and who wrote it all (gcc-14-base). */
const names = ['base-files', 'ca-certificates', 'gcc-14-base', 'libc6', 'libgcc-s1', 'libstdc++6']
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const packagesOfApt = 'apt and debian-archive-keyring (Debian, Ubuntu)'
const freshForMs = 24 * 3_600_000
/** As long as packages that are not fresh any more are read by builds that began before. */
const readForMs = 3_600_000

/** What the dynamic linker may be asked for by Node; that all of it is there is checked when the image is made. */
const library = /^usr\/lib(?:64)?\/(?:[\w-]+\/)?(?:ld-linux[\w-]*|lib(?:c|m|dl|pthread|gcc_s|stdc\+\+))\.so\.[\d.]+$/
const information = /^(?:usr\/lib\/os-release|usr\/share\/doc\/[^/]+\/copyright)$/
const certificate = /^usr\/share\/ca-certificates\/.*\.crt$/

/**
 * The part of the image that comes from Debian, for any processor: fetched by apt, so with Debian's signatures, into
 * folders of its own; this machine's packages and sources are neither used nor changed, and root is not needed.
 */
export async function debianFiles(architecture: Architecture): Promise<LayerFile[]> {
  const files: LayerFile[] = []
  const certificates: TarEntry[] = []
  for (const deb of await debsOf(architecture)) {
    const control = await run('dpkg', 'dpkg-deb', ['--field', deb])
    const name = /^Package: (.+)$/m.exec(control.toString())![1]!
    // Where scanners look for what an image without a package manager was made of; distroless images have it there.
    files.push(file(`var/lib/dpkg/status.d/${name}`, control))
    for await (const entry of readTar(await run('dpkg', 'dpkg-deb', ['--fsys-tarfile', deb]))) {
      if (certificate.test(entry.path)) certificates.push(entry)
      else if (library.test(entry.path) || information.test(entry.path)) files.push(layerFileOf(entry))
    }
  }
  const bundle = certificates.sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ bytes }) => bytes)
  return [...files, file('etc/ssl/certs/ca-certificates.crt', Buffer.concat(bundle))]
}

const layerFileOf = ({ type, path, target, bytes, mode }: TarEntry): LayerFile =>
  type === 'symlink' ? symlink(path, target) : file(path, bytes, mode)

/** The packages, as they were at most a day ago. */
async function debsOf(architecture: Architecture): Promise<string[]> {
  const prefix = `debian-${release}-${architecture}-`
  await mkdir(cacheFolder(), { recursive: true })
  const kept = keptOf(await readdir(cacheFolder()), prefix, Date.now())
  const [newest] = kept
  const fresh = newest !== undefined && newest.ageMs < freshForMs ? newest.name : await fetched(architecture, prefix)
  for (const { name, ageMs } of kept) {
    if (ageMs > freshForMs + readForMs) await rm(path.join(cacheFolder(), name), { recursive: true, force: true })
  }
  const folder = path.join(cacheFolder(), fresh)
  return (await readdir(folder)).sort().map(deb => path.join(folder, deb))
}

/** The folders that `fetched` made, newest first. One of a clock that was ahead counts as being so old. */
export function keptOf(entries: readonly string[], prefix: string, nowMs: number) {
  return entries
    .filter(name => name.startsWith(prefix) && /^\d+-\d+$/.test(name.slice(prefix.length)))
    .map(name => ({ name, ageMs: Math.abs(nowMs - parseInt(name.slice(prefix.length), 10)) }))
    .sort((a, b) => a.ageMs - b.ageMs)
}

/** A folder and a name for each fetch: builds that run side by side share neither apt's lists nor a half-made folder. */
async function fetched(architecture: Architecture, prefix: string): Promise<string> {
  const name = `${prefix}${Date.now()}-${process.pid}`
  const work = await mkdtemp(path.join(cacheFolder(), '.apt-'))
  try {
    await download(work, architecture)
    await rename(path.join(work, 'debs'), path.join(cacheFolder(), name))
    return name
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function download(work: string, architecture: Architecture): Promise<void> {
  const own = (name: string) => path.join(work, name)
  for (const name of ['debs', 'lists/partial', 'archives/partial', 'sources', 'preferences']) {
    await mkdir(own(name), { recursive: true })
  }
  const source = (place: string, suites: string) =>
    `Types: deb\nURIs: http://deb.debian.org/${place}\nSuites: ${suites}\nComponents: main\nSigned-By: ${keyring}\n`
  const sources = [source('debian', `${release} ${release}-updates`), source('debian-security', `${release}-security`)]
  await writeFile(own('sources/debian.sources'), sources.join('\n'))
  await writeFile(own('status'), '')
  const options = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    // Its own user could not write here; what it fetches is trusted by signature only.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Dir::State::Lists': own('lists'),
    'Dir::State::status': own('status'),
    'Dir::Cache': work,
    'Dir::Cache::Archives': own('archives'),
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': own('sources'),
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': own('preferences'),
  }
  const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const apt = (...args: string[]) => run(packagesOfApt, 'apt-get', [...given, '-qq', ...args], own('debs'))
  await apt('update')
  await apt('download', ...names)
}
