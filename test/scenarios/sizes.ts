export const megabyte = 1_000_000
/** containerd tells an offset in steps of this many bytes. */
export const step = 1024 * 1024
/** A layer of this size is seen to grow: 0, 1 MiB, 2 MiB, whole. Bytes. */
export const growing = 3 * megabyte
/** Let out so far, the layer shows one step, and is not whole. Bytes. */
export const half = 1.5 * megabyte
