/** What it returns; undefined when it throws. `failed` is told of that, and of a promise that is rejected. */
export function guarded<Result>(call: () => Result, failed: (error: unknown) => void): Result | undefined {
  try {
    const result = call()
    if (result instanceof Promise) result.catch(failed)
    return result
  } catch (error) {
    failed(error)
    return undefined
  }
}
