/** Folders of src/ that need nothing of the machine: no socket, process, clock or file. */
export const pureFolders = ["model", "text", "config", "cli", "callhome-server", "nat-lookup", "policy", "enforcer", "operator"];
