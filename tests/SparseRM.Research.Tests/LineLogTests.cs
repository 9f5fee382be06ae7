using SparseRM.Errors;
using SparseRM.Research.Robustness;
using SparseRM.Research.Runs;

namespace SparseRM.Research.Tests;

/// <summary>A file of lines on a disk that fills up: whole lines stay, in their order, and none is lost without a word.</summary>
public sealed class LineLogTests : IDisposable
{
    private const string Header = "header";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void After_half_a_line_the_file_ends_with_the_last_whole_one_and_takes_no_other()
    {
        string path = _folder.File("lines");
        var disk = new Disk { Room = 18 };
        using (var log = LineLog.Open(path, Header, "a test", disk.Append))
        {
            log.Add("first"); // with the header 13 bytes
            World.Refuses(() => log.Add("second"), "lines: cannot be written", "no space", "the same command goes on from it");
            Assert.Equal("header\nfirst\n", File.ReadAllText(path));
            disk.Room = 100;
            World.Refuses(() => log.Add("third"), "cannot be written", "no space");
            Assert.Equal(["first"], log.Lines);
        }
        Assert.Equal("header\nfirst\n", File.ReadAllText(path));
        using (var log = LineLog.Open(path, Header, "a test")) log.Add("second");
        Assert.Equal("header\nfirst\nsecond\n", File.ReadAllText(path));
    }

    [Fact]
    public void Where_half_a_line_cannot_be_taken_back_the_next_who_opens_the_file_does_it()
    {
        string path = _folder.File("lines");
        using (var log = LineLog.Open(path, Header, "a test", new Disk { Room = 18, IsStuck = true }.Append))
        {
            log.Add("first");
            World.Refuses(() => log.Add("second"), "no space");
            World.Refuses(() => log.Add("third"), "no space");
        }
        Assert.Equal("header\nfirst\nsecon", File.ReadAllText(path));
        using (var log = LineLog.Open(path, Header, "a test")) log.Add("second");
        Assert.Equal("header\nfirst\nsecond\n", File.ReadAllText(path));
    }

    [Fact]
    public void A_file_that_cannot_be_begun_takes_no_line_later()
    {
        string folder = _folder.File("later");
        using var log = LineLog.Open(Path.Combine(folder, "lines"), Header, "a test");
        World.Refuses(() => log.Add("first"), "its folder does not exist");
        Directory.CreateDirectory(folder);
        World.Refuses(() => log.Add("second"), "its folder does not exist");
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void A_fit_that_was_not_written_is_not_known()
    {
        using var log = ConditionLog.Open(Path.Combine(_folder.File("none"), "fits.jsonl"), "study");
        var run = new ConditionRun(new ConditionKey(0, "margin", 0), 4, [[true, false]], null);
        for (int i = 0; i < 2; i++) World.Refuses(() => log.Add(run), "its folder does not exist");
        Assert.Equal(0, log.Count);
        Assert.Null(log.Of(run.Key, [2]));
    }

    [Fact]
    public void After_a_result_that_could_not_be_taken_none_is()
    {
        var taken = new List<string>();
        bool isFull = true;
        var order = new InOrder<string>(4, result =>
        {
            if (result == "1" && isFull) throw new SparseRMException("full");
            taken.Add(result);
        });
        order.Put(2, "2");
        order.Put(0, "0");
        Assert.Throws<SparseRMException>(() => order.Put(1, "1"));
        isFull = false;
        order.Put(3, "3");
        Assert.Equal(["0"], taken);
    }

    /// <summary>Files on it grow up to so many bytes.</summary>
    private sealed class Disk
    {
        public int Room { get; set; }

        /// <summary>No file gets shorter.</summary>
        public bool IsStuck { get; init; }

        public Stream Append(string path) => new Growing(this, new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
    }

    private sealed class Growing(Disk disk, FileStream file) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => true;
        public override bool CanWrite => true;
        public override long Length => file.Length;
        public override long Position { get => file.Position; set => file.Position = value; }

        public override void Write(byte[] buffer, int offset, int count)
        {
            int room = (int)Math.Clamp(disk.Room - file.Length, 0, count);
            file.Write(buffer, offset, room);
            if (room < count) throw new IOException("no space");
        }

        public override void SetLength(long value)
        {
            if (disk.IsStuck) throw new IOException("stuck");
            file.SetLength(value);
        }

        public override void Flush() => file.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) file.Dispose();
            base.Dispose(disposing);
        }
    }
}
