using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class AtomicFileTests
{
    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("a"), "old");
        Assert.Throws<InvalidDataException>(() => AtomicFile.Write(folder.File("a"), stream =>
        {
            stream.Write("half"u8);
            throw new InvalidDataException();
        }));
        Assert.Equal("old", File.ReadAllText(folder.File("a")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    /// <summary>.NET makes an ArgumentOutOfRangeException of "value" of EFBIG; of any other argument it is a fault of ours and stays one.</summary>
    [Fact]
    public void A_file_larger_than_is_allowed_is_one_sentence_and_other_faults_stay_what_they_are()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<SparseRMException>(() => AtomicFile.Write(folder.File("a"), _ => throw new ArgumentOutOfRangeException("value")));
        Assert.Equal($"{folder.File("a")}: cannot be written (the file would be larger than is allowed there); nothing was left behind, choose another place", error.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => AtomicFile.Write(folder.File("a"), _ => throw new ArgumentOutOfRangeException("count")));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Follows_a_link_so_that_its_target_is_replaced()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("target"), "old");
        File.CreateSymbolicLink(folder.File("link"), folder.File("target"));
        AtomicFile.Write(folder.File("link"), stream => stream.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(folder.File("target")));
        Assert.NotNull(new FileInfo(folder.File("link")).LinkTarget);
    }

    [Fact]
    public void A_device_stays_a_device()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        AtomicFile.Write("/dev/null", stream => stream.Write("gone"u8));
        Assert.Equal(0, new FileInfo("/dev/null").Length);
        var error = Assert.Throws<SparseRMException>(() => AtomicFile.Write("/dev/full", stream => stream.Write("no room"u8)));
        Assert.Contains("/dev/full: cannot be written", error.Message);
    }

    [Fact]
    public void A_folder_that_is_missing_is_named()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<SparseRMException>(() => AtomicFile.Write(folder.File("none", "a"), _ => { }));
        Assert.Contains("its folder does not exist", error.Message);
    }
}
