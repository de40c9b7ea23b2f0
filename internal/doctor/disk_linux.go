package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// kindOf names file systems by the number that the kernel gives.
var kindOf = map[uint32]string{
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb",
	unix.CIFS_SUPER_MAGIC: "smb", unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "fuse", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.F2FS_SUPER_MAGIC: "f2fs",
	0x2fc12fc1: "zfs", 0xca451a4e: "bcachefs",
}

func volumeOf(folder string) (volume, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return volume{}, fmt.Errorf("ask the file system of %s for its space: %w", folder, err)
	}
	files := s.Ffree
	if s.Files == 0 {
		files = 0
	}
	return volume{free: s.Bavail * uint64(s.Bsize), files: files, kind: kindOf[uint32(s.Type)]}, nil
}
