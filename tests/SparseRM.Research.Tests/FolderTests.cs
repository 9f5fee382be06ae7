using SparseRM.Research.Sweeps;

namespace SparseRM.Research.Tests;

/// <summary>The folders of the research bench know each other in one direction only.</summary>
public class FolderTests
{
    private static readonly string[] s_studies = ["Answers", "Runs", "Baselines", "Sweeps", "Vocabulary", "Latents", "Maps", "Robustness", "Reproduction"];

    [Fact]
    public void Folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(Sweep).Assembly.GetTypes(), "SparseRM.Research",
    [
        ("Answers", []),
        ("Runs", []),
        ("Alignment", ["Answers"]),
        ("Monitoring", ["Answers"]),
        ("Baselines", ["Answers"]),
        ("Vocabulary", ["Baselines"]),
        ("SaeTraining", ["Vocabulary"]),
        ("Sweeps", ["Answers", "Runs", "Baselines"]),
        ("Choosing", ["Answers", "Baselines", "Sweeps"]),
        ("Latents", ["Answers", "Baselines", "Vocabulary"]),
        ("Maps", ["Answers", "Baselines"]),
        ("Robustness", ["Answers", "Runs", "Baselines"]),
        ("Reproduction", ["Answers", "Baselines", "Sweeps"]),
        ("Reports", s_studies),
    ]);
}
