namespace SparseRM.Farm;

/// <summary>Tells of errors of the cluster.</summary>
public static class FarmErrors
{
    /// <summary>What an error says, without the places in the code that Orleans' messages hold, and without a full stop.</summary>
    public static string Sentence(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error.Message.Split([" ---> ", "   at ", "\n"], StringSplitOptions.None)[0].TrimEnd('.', ' ', '\r');
    }
}
