/**
 * The path of what stands under a name in a map of the configuration, as `pulumi config set --path` takes it:
 * hosts.app-1, but hosts["redis-1.example.com"], where a dot would begin the next name.
 */
export function under(path: string, name: string): string {
  return /^[\w-]+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}
