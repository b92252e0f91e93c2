import { ClusterError } from "@amalthea/cluster";

/** Something that could not be built; the message is for the person at the terminal. */
export class BuildError extends ClusterError {}
