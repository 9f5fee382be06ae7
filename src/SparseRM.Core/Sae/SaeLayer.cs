using System.Globalization;
using System.Text.RegularExpressions;

namespace SparseRM.Sae;

/// <summary>Which block's output an SAE reads: from a hook's name, or from a path part that says it.</summary>
internal static partial class SaeLayer
{
    /// <summary>
    /// <c>blocks.13.hook_resid_post</c>, <c>model.layers.13</c>, <c>model.layers.13.output</c> give 13; <c>blocks.13.hook_resid_pre</c> is the output of block 12.
    /// Null for any other place in the model.
    /// </summary>
    public static int? OfHook(string hook)
    {
        if (ResidPost().Match(hook) is { Success: true } post) return Number(post);
        return ResidPre().Match(hook) is { Success: true } pre && Number(pre) is > 0 and var next ? next - 1 : null;
    }

    /// <summary>From the deepest path part that says it: <c>layer_13</c>, <c>layer_13_width_1k</c>, <c>layers.13</c>, <c>layer13.sae.pt</c>, <c>...-l19.pth</c>, <c>...-l19</c>.</summary>
    public static int? OfPath(string path)
    {
        foreach (string part in Parts(path))
            if (PathPart().Match(part) is { Success: true } match) return Number(match);
        return null;
    }

    /// <summary>Parts of the path with its folders' links followed, the deepest first, then those of the path as it was given.</summary>
    public static IEnumerable<string> Parts(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string real = Directory.Exists(full) ? Real(full) : Path.Combine(Real(Path.GetDirectoryName(full) ?? full), Path.GetFileName(full));
        return real == full ? Split(full) : Split(real).Concat(Split(full));
    }

    private static IEnumerable<string> Split(string path)
        => path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Reverse();

    /// <summary>The folder with every link on its way followed; a link that cannot be followed stays.</summary>
    private static string Real(string folder)
    {
        string? parent = Path.GetDirectoryName(folder);
        if (parent is null) return folder;
        string here = Path.Combine(Real(parent), Path.GetFileName(folder));
        try
        {
            return Directory.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? Real(target.FullName) : here;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return here;
        }
    }

    private static int? Number(Match match)
        => int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : null;

    [GeneratedRegex(@"^(?:blocks\.(?=[0-9]+\.hook_resid_post$)|(?:model\.)?layers\.(?=[0-9]+(?:\.output)?$))([0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex ResidPost();

    [GeneratedRegex(@"^blocks\.([0-9]+)\.hook_resid_pre$", RegexOptions.CultureInvariant)]
    private static partial Regex ResidPre();

    [GeneratedRegex(@"^(?:(?:layer_(?=[0-9]+(?:_|$))|layers\.(?=[0-9]+$)|layer(?=[0-9]+\.sae\.pt$))|.*-l(?=[0-9]+(?:\.pth?)?$))([0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex PathPart();
}
