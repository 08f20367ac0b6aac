/** Folders of src/ that need nothing of the machine, nor do their tests: no socket, process, clock or file. The tests of memory/ write files. */
export const pureFolders = ["model", "text", "config", "cli", "callhome-server", "nat-lookup", "policy", "enforcer", "operator", "pipeline"];
