import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { Client, credentials } from '@grpc/grpc-js'

/** The kubelet's side of an image pull. A write call, so it lives with the tests: the product only reads. */
export interface Cri {
  /** Resolves with the image id when the image is there. Aborting cancels the call, as the kubelet's deadline would. */
  pull(ref: string, signal?: AbortSignal): Promise<string>
  remove(ref: string): Promise<void>
  /** True once the CRI plugin answers. */
  answers(): Promise<boolean>
  close(): void
}

export function openCri(socket: string): Cri {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    // A restarted containerd must be seen at once, not after the default's growing back-off of up to two minutes.
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  })
  const call = (method: string, request: Uint8Array, deadlineMs: number, signal?: AbortSignal) =>
    new Promise<Uint8Array>((resolve, reject) => {
      const path = `/runtime.v1.ImageService/${method}`
      const options = { deadline: Date.now() + deadlineMs }
      const unary = client.makeUnaryRequest(
        path,
        asBuffer,
        bytes => bytes,
        request,
        options,
        (error, answer) => {
          signal?.removeEventListener('abort', cancel)
          if (error) reject(error)
          else resolve(answer ?? new Uint8Array())
        },
      )
      const cancel = () => unary.cancel()
      if (signal?.aborted) cancel()
      else signal?.addEventListener('abort', cancel, { once: true })
    })
  return {
    async pull(ref, signal) {
      return textOf(await call('PullImage', imageRequest(ref), 300_000, signal))
    },
    async remove(ref) {
      await call('RemoveImage', imageRequest(ref), 30_000)
    },
    answers: () =>
      call('ImageFsInfo', new Uint8Array(), 2_000).then(
        () => true,
        () => false,
      ),
    close: () => client.close(),
  }
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes)

/** PullImageRequest and RemoveImageRequest: field 1 is an ImageSpec, whose field 1 is the reference. */
const imageRequest = (ref: string): Uint8Array =>
  new BinaryWriter().uint32(0x0a).fork().uint32(0x0a).string(ref).join().finish()

/** PullImageResponse: field 1 is the image's id. */
function textOf(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes)
  let text = ''
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1) text = reader.string()
    else reader.skip(type)
  }
  return text
}
