using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace SparseRM.Server.Fleet;

/// <summary>How busy a member is.</summary>
/// <param name="Place">Hash of its name.</param>
/// <param name="Waiting">Requests that wait for it, or are on their way to it.</param>
/// <param name="IsFull">Whether it would refuse one more.</param>
internal readonly record struct FleetLoad(ulong Place, double Waiting, bool IsFull);

/// <summary>Which member a prompt belongs to: rendezvous hashing (Thaler and Ravishankar 1998), with the busy passed over.</summary>
/// <remarks>
/// A member's weight for a prompt is a hash of both; the highest wins. Where a member comes or goes, only the prompts that are its own move, 1 of N. All members
/// compute the same order from the names alone.
/// </remarks>
internal static class FleetPlacement
{
    // Below so many, a queue is no reason to compute a prompt twice.
    private const double Slack = 16;

    /// <summary>Hash of a text.</summary>
    public static ulong Hash(ReadOnlySpan<char> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        SHA256.HashData(bytes.AsSpan(0, Encoding.UTF8.GetBytes(text, bytes)), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    /// <summary>Members in the order in which a prompt is offered to them: by weight, those that are full or have more than twice the mean's requests and 16 behind the others.</summary>
    /// <param name="prompt">Hash of the prompt.</param>
    /// <param name="members">All that may get it.</param>
    public static int[] Order(ulong prompt, IReadOnlyList<FleetLoad> members)
    {
        double most = 2 * members.Sum(member => member.Waiting) / members.Count + Slack;
        return [.. Enumerable.Range(0, members.Count)
            .OrderBy(i => members[i].IsFull || members[i].Waiting > most)
            .ThenByDescending(i => Mix(prompt ^ members[i].Place))];
    }

    // SplitMix64's last steps: one bit of the input changes half of the output's.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
