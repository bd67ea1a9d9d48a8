// What was agreed at INIT, as questions with an answer: code asks for an effect, never for a version number.
import * as flag from './flags.ts';

/** An immutable value: the negotiated minor version and INIT flags. */
export class Dialect {
  /** The smaller of both sides' minor versions. */
  readonly minor: number;
  /** The INIT flags in force on this mount. */
  readonly flags: bigint;

  // How requests look.
  /** fuse_setxattr_in has 16 bytes, not 8. */
  readonly hasSetxattrExtension: boolean;
  /** The header tells the length of extensions at the message's end. */
  readonly hasExtensionLength: boolean;
  /** Messages that create a node end with its security contexts. */
  readonly hasSecurityContexts: boolean;
  /** Messages that create a node may name a supplementary group of the caller. */
  readonly hasSupplementaryGroups: boolean;
  /** The top bit of a request's unique says that it was sent before. */
  readonly hasResend: boolean;

  // What this side has to do.
  /** The kernel leaves the umask to this side. */
  readonly hasUmask: boolean;
  /** This side clears set-user-ID bits when asked by a request's KILL_SUIDGID flag. */
  readonly hasKillSuidgid: boolean;
  /** The kernel looks `.` and `..` up, for NFS export. */
  readonly hasExportSupport: boolean;
  /** The kernel checks POSIX ACLs, and fetches them. */
  readonly hasPosixAcl: boolean;
  /** The kernel keeps written data, and the times and sizes that follow from it. */
  readonly hasWritebackCache: boolean;

  // What replies and notifications may say.
  /** fuse_attr.flags counts. */
  readonly hasAttributeFlags: boolean;
  /** An open file may be handed to the kernel. */
  readonly hasPassthrough: boolean;
  /** A name may be let expire without being dropped. */
  readonly hasExpireOnly: boolean;
  readonly hasReaddirplus: boolean;
  readonly hasResendNotification: boolean;
  readonly hasEpochNotification: boolean;
  readonly hasPruneNotification: boolean;

  constructor(minor: number, flags: bigint) {
    const has = (wanted: bigint) => (flags & wanted) !== 0n;
    this.minor = minor;
    this.flags = flags;
    this.hasSetxattrExtension = has(flag.FUSE_SETXATTR_EXT);
    this.hasExtensionLength = minor >= 38;
    this.hasSecurityContexts = has(flag.FUSE_SECURITY_CTX);
    this.hasSupplementaryGroups = has(flag.FUSE_CREATE_SUPP_GROUP);
    this.hasResend = has(flag.FUSE_HAS_RESEND);
    this.hasUmask = has(flag.FUSE_DONT_MASK);
    this.hasKillSuidgid = has(flag.FUSE_HANDLE_KILLPRIV_V2);
    this.hasExportSupport = has(flag.FUSE_EXPORT_SUPPORT);
    this.hasPosixAcl = has(flag.FUSE_POSIX_ACL);
    this.hasWritebackCache = has(flag.FUSE_WRITEBACK_CACHE);
    this.hasAttributeFlags = minor >= 32;
    this.hasPassthrough = has(flag.FUSE_PASSTHROUGH);
    this.hasExpireOnly = has(flag.FUSE_HAS_EXPIRE_ONLY);
    this.hasReaddirplus = has(flag.FUSE_DO_READDIRPLUS);
    this.hasResendNotification = has(flag.FUSE_HAS_RESEND);
    this.hasEpochNotification = minor >= 44;
    this.hasPruneNotification = minor >= 45;
    Object.freeze(this);
  }

  /** What is spoken before INIT is answered: nothing optional. */
  static readonly initial: Dialect = new Dialect(flag.FUSE_OLDEST_MINOR_VERSION, 0n);
}
