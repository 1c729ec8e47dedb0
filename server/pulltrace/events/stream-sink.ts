/** Where the bytes of one client go. `describeStreamSink` is the contract; the socket of node:http keeps it. */
export interface StreamSink {
  /** Takes the bytes in any case, in order. False: it is full, and says so once it is empty again by `drained`. */
  write(bytes: Buffer): boolean
  /** No more bytes: the client sees the end after the last of them. */
  end(): void
  /** Gives up the connection and what has not been sent. */
  destroy(): void
}

/** How a sink speaks to its stream. */
export interface SinkListener {
  drained(): void
  /** Once, however it came about; nothing follows. */
  closed(): void
}
