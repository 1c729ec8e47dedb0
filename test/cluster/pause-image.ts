import { readFile } from 'node:fs/promises'
import { writeArchive } from '../../build/oci/archive.ts'
import { type Architecture, imageOf } from '../../build/oci/image.ts'
import { file, layerOf } from '../../build/oci/layer.ts'
import { architecture } from '../rig/images.ts'
import { findProgram } from '../rig/programs.ts'
import { pauseImage } from './node-config.ts'

/** Writes the image of every pod's sandbox as an OCI archive: one static program. */
export async function savePauseImage(target: string): Promise<void> {
  const program = await readFile(await findProgram('pause'))
  const layer = await layerOf('pause', [file('pause', program, 0o755)])
  const defaults = { User: '65535:65535', Env: [], Entrypoint: ['/pause'], Cmd: [], WorkingDir: '/', Labels: {} }
  await writeArchive(target, pauseImage, [imageOf(architecture as Architecture, [layer], defaults)])
}
