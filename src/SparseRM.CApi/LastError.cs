using System.Runtime.InteropServices;
using System.Text;

namespace SparseRM.CApi;

/// <summary>The last failure of a thread, which native/last_error.c keeps.</summary>
internal static unsafe partial class LastError
{
    /// <summary>Keeps a failure and gives its status; never throws.</summary>
    public static int Set(Exception error)
    {
        try
        {
            var status = Statuses.Of(error);
            byte[] sentence = Encoding.UTF8.GetBytes(Statuses.Sentence(error));
            fixed (byte* text = sentence) Keep((int)status, text, sentence.Length);
            return (int)status;
        }
        catch (Exception)
        {
            // There is no memory to say it with.
            Keep((int)Status.Device, null, 0);
            return (int)Status.Device;
        }
    }

    [LibraryImport("sparserm_start", EntryPoint = "srm_keep_error")]
    private static partial void Keep(int status, byte* sentence, long length);
}
